"""What all of the project's own tests share: the tool to test pytest plugins with."""

pytest_plugins = ["pytester"]
