"""What a test must not leave behind in its process, for the tests after it would pass or fail by it."""

import logging
import os
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Generator[None]:
    """Logs are written, and the folder is the one of before: afterwards as before each test."""
    disabled, folder = logging.root.manager.disable, Path.cwd()
    yield
    left = (logging.root.manager.disable, Path.cwd())
    logging.disable(disabled)
    os.chdir(folder)
    assert left == (disabled, folder), f"left behind: logs are disabled up to {left[0]}, the folder is `{left[1]}`"
