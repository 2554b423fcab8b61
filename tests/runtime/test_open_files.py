"""A daemon may open as many files as its hard limit lets it."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from runtime.open_files import raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "found"),
    [(256, 4096, "4096 4096 4096"), (256, 256, "256 256 256")],
)
def test_the_soft_limit_rises_to_the_hard_one(soft: int, hard: int, found: str) -> None:
    program = PROGRAM.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == found, done.stderr
