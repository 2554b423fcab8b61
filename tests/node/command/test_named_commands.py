"""What a message, a page or a document tells people to type is a command that there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from node.command.__main__ import main
from tests.node.command.conftest import ROOT

NAMED = re.compile(r"`pledgeway ([^`]+)`|^ *pledgeway ([a-z].*)$|<code>pledgeway ([^<]+)<", re.M)
WORD = re.compile(r"[a-z][a-z-]*")


def texts() -> Iterator[Path]:
    for room in ("node", "pathfinder", "registry", "runtime", "deploy"):
        for ending in ("py", "html", "md"):
            yield from (ROOT / room).rglob(f"*.{ending}")
    yield ROOT / "README.md"


def is_there(line: str) -> bool:
    """Whether its first words are those of a command, or of a group that is named as such."""
    found: click.Command = main
    for word in line.split():
        if not isinstance(found, click.Group) or not WORD.fullmatch(word):
            return True
        deeper = found.get_command(click.Context(found), word)
        if deeper is None:
            return False
        found = deeper
    return True


def test_every_command_that_is_named_is_there() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: pledgeway {line}"
        for path in texts()
        for line in ("".join(found) for found in NAMED.findall(path.read_text()))
        if not is_there(line)
    ]
    assert wrong == []
