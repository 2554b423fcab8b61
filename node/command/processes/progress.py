"""One line that says what is going on while processes come up."""

import os
import sys
from typing import Final

import click

from node.command.exit_status import plain

CLEAR_LINE: Final = "\r\033[K"


def progress(text: str) -> None:
    """On a terminal one line that changes, else nothing: a log needs no progress. "" wipes it."""
    if not sys.stderr.isatty():
        return
    if not os.environ.get("NO_COLOR"):
        click.echo(f"{CLEAR_LINE}{plain(text)}", err=True, nl=False)
    elif text:
        click.echo(plain(text), err=True)
