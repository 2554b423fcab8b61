"""A group whose subcommands are imported when they are used, so that --help answers at once."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import click

from node.command.exit_status import UNKNOWN, plain


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subcommand is, and the line that the group's help says about it."""

    module: str
    name: str
    short_help: str


def load(place: Place) -> click.Command:
    """Imports it now."""
    found = getattr(import_module(place.module), place.name)
    assert isinstance(found, click.Command), place
    return found


class LazyGroup(click.Group):
    """A click group made from a table of places; commands added the usual way work beside it."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **more: Any) -> None:
        super().__init__(*args, **more)
        self._places = places

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As click's, but unusable input is one line on standard error, however click words it."""
        run = partial(super().main, args, prog_name, complete_var, False, **extra)
        if not standalone_mode:
            return run()
        try:
            result: Any = run()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.UsageError as error:
            context = getattr(error, "ctx", None)
            where = context.command_path if context is not None else "pledgeway"
            line = plain(" ".join(error.format_message().split()))
            click.echo(f"{where}: {line} (see `{where} --help`)", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            # No fault of how it was typed: the command says by itself what is wrong with what.
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("pledgeway: stopped", err=True)
            sys.exit(UNKNOWN)
        sys.exit(result if isinstance(result, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        return load(place)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, place.short_help) for name, place in self._places.items()]
        added = ((name, self.commands[name]) for name in super().list_commands(ctx))
        rows += [(name, one.get_short_help_str()) for name, one in added if not one.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
