"""The last question before somebody is bound: asked of people at a terminal only."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from node.command.exit_status import REFUSED, fail
from node.command.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def yes_option(command: F) -> F:
    """Adds --yes, as `yes: bool`, for `sure`."""
    return click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")(command)


def sure(session: Session, yes: bool, question: str) -> None:
    """Ends the command where a person at a terminal says no. A program is not asked."""
    if yes or session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    if not click.confirm(question, err=True):
        fail(REFUSED, "nothing was done")
