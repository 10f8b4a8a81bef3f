"""How examples are found in a page, and put into their surroundings."""

from __future__ import annotations

import pytest
from blocks import Block, blocks

PAGE = """\
Text.

```python
a = 1
```

<!-- run in: action -->
```python
async def read(call):
    pass
```

<!-- not run: it would take a day -->
```python
b = 1
```

<!-- any other comment -->
```sh
make
```
"""


def test_a_fence_is_found_with_what_is_said_before_it() -> None:
    assert list(blocks(PAGE, "page.md")) == [
        Block("page.md", 3, "python", "a = 1\n"),
        Block("page.md", 8, "python", "async def read(call):\n    pass\n", where="action"),
        Block("page.md", 14, "python", "b = 1\n", unrun="it would take a day"),
        Block("page.md", 19, "sh", "make\n"),
    ]


def test_a_file_of_its_own_is_run_as_it_stands() -> None:
    assert Block("page.md", 1, "python", "a = 1\n").program() == "a = 1\n"


def test_an_example_takes_the_indentation_of_its_place() -> None:
    program = Block("page.md", 1, "python", "with x:\n\n    y()\n", where="run").program()
    assert "\n        with x:\n\n            y()\n    assert run" in program
    assert "the example" not in program.partition("def ")[2].partition("(")[2]


def test_a_fence_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in list"):
        list(blocks("```python\na = 1\n", "page.md"))


def test_surroundings_that_are_not_there_are_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Block("page.md", 1, "python", "", where="nowhere").program()
