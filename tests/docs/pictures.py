"""Make the pictures of the report anew, from what its reader sees at the steps of the tutorial: `make pictures`.

Needs chromium on PATH, and pngquant to keep them small, where it is there.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from blocks import ROOT, blocks
from walk import take

IMAGES = ROOT / "docs" / "images"
NAMES = ("report-failed.png", "report.png")  # of the steps that fail, in their order
WIDTH = 1000
HEIGHTS = (1530, 912)
BRIEF = "<style>details.test > pre { display: none }</style>"  # the traceback: it is on the terminal too


def main() -> None:
    page = ROOT / "docs" / "tutorial.md"
    names = iter(zip(NAMES, HEIGHTS, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        for step in blocks(page.read_text(), page.name):
            if step.step:
                take(step, Path(folder))
            if step.step == "fails":
                name, height = next(names)
                picture(Path(folder) / "report" / "index.html", IMAGES / name, height)


def picture(page: Path, to: Path, height: int) -> None:
    """Take a picture of the upper part of a page, without the traceback."""
    shown = page.with_name("shown.html")
    shown.write_text(page.read_text() + BRIEF)
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    argv += [f"--window-size={WIDTH},{height}", f"--screenshot={to}", shown.as_uri()]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext=.png", str(to)], check=True)
    print(f"{to.relative_to(ROOT)}: {to.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
