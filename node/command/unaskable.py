"""How `route` and `max-sendable` end where a question cannot be asked: in one line, status 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from node.command.exit_status import UNUSABLE
from node.command.route_options import CannotAsk
from pathfinder.files.json_place import NetworkFileError, shown
from pathfinder.question import BadQuestion, Fault
from proto.limits import MAX_AMOUNT, MAX_HOPS

_FIELD: Final = {
    Fault.AMOUNT: "--amount",
    Fault.MAX_HOPS: "--max-hops",
    Fault.PAYER_UNKNOWN: "--from",
    Fault.PAYEE_UNKNOWN: "--to",
    Fault.PAYS_ITSELF: "--to",
    Fault.BRAND_MISSING: "--brand",
    Fault.BRAND_UNKNOWN: "--brand",
    Fault.POLICY_UNKNOWN: "--registry",
}
_CAUSE: Final = {
    Fault.AMOUNT: "an amount lies between 1 and " + str(MAX_AMOUNT) + ", not {}",
    Fault.MAX_HOPS: "a chain has 1 to " + str(MAX_HOPS) + " promises, not {}",
    Fault.PAYER_UNKNOWN: "no node {}",
    Fault.PAYEE_UNKNOWN: "no node {}",
    Fault.PAYS_ITSELF: "{} cannot pay itself",
    Fault.BRAND_MISSING: "the file holds several brands, name one of {}",
    Fault.BRAND_UNKNOWN: "no line in brand {}",
    Fault.POLICY_UNKNOWN: "no registry or policy {}",
}


class Unusable(click.ClickException):
    """One line on standard error and exit status 2."""

    exit_code = UNUSABLE

    def __init__(self, message: str, ctx: click.Context | None = None) -> None:
        super().__init__(message)
        self.ctx = ctx or click.get_current_context(silent=True)

    def show(self, file: Any = None) -> None:
        name = "route" if self.ctx is None else self.ctx.info_name
        click.echo(f"pledgeway {name}: {self.format_message()}", err=True, file=file)


class OneLineCommand(click.Command):
    """Complains about its options in one line, as about everything else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise Unusable(" ".join(error.format_message().split()), ctx) from error


@contextmanager
def told_as_unusable(file: Path) -> Iterator[None]:
    """What cannot be asked of the file ends the command with one line that names it."""
    try:
        yield
    except NetworkFileError as error:
        raise Unusable(str(error)) from error
    except CannotAsk as error:
        raise Unusable(f"{shown(str(file))}: {error}") from error
    except BadQuestion as error:
        cause = _CAUSE[error.fault].format(shown(error.subject))
        raise Unusable(f"{shown(str(file))}: {_FIELD[error.fault]}: {cause}") from error
