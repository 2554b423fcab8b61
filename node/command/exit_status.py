"""How a command ends when it does not simply succeed: a status, and one line that says why."""

import sys
from typing import Any, Final, NoReturn

import click

REFUSED: Final = 1  # understood, and a clean no: nothing was changed
UNUSABLE: Final = 2  # the input cannot be used, or there is nobody to ask
UNKNOWN: Final = 3  # the answer was lost: whether it took effect is not known
SENTENCE: Final = 400  # characters: longer than any first sentence


def plain(text: object) -> str:
    """One line without characters that could move a reader's cursor or hide others.

    Aliases, descriptions and names of registries are what strangers chose.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def fail(status: int, line: str) -> NoReturn:
    """One line on standard error, and the exit status."""
    click.echo(f"pledgeway: {plain(line)}", err=True)
    sys.exit(status)


class ToldWhole(click.Command):
    """In the list of its group its first sentence is folded, and never cut off in the middle."""

    def get_short_help_str(self, limit: int = 0) -> str:
        return super().get_short_help_str(max(limit, SENTENCE))


class TaughtCommand(ToldWhole):
    """A command of a running node: its help ends with what its exit statuses mean."""

    STATUSES: Final = (
        "Exit status: 0 done; 1 a clean no, nothing was changed; 2 unusable input, or no node is"
        " running; 3 the answer was lost, so whether it took effect is not known."
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        more.setdefault("epilog", self.STATUSES)
        super().__init__(*args, **more)
