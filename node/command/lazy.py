"""A group whose subcommands are imported when they are used, so that --help answers at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subcommand is, and the line that the group's help says about it."""

    module: str
    name: str
    short_help: str


class LazyGroup(click.Group):
    """A click group made from a table of places; commands added the usual way work beside it."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **more: Any) -> None:
        super().__init__(*args, **more)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        found = getattr(import_module(place.module), place.name)
        assert isinstance(found, click.Command), place
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, place.short_help) for name, place in self._places.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
