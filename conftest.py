"""What all of the project's own tests share: the tool to test pytest plugins with, and the marks of the proof."""

pytest_plugins = ["pytester", "catching"]
