"""A short directory for each test: a socket's path has room for about a hundred bytes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pw-e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)
