"""What a payer may ask of a chain, as options that `route` and `max-sendable` share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, AVOID_HELP, LEVELS, RISK_HELP, CountType, Natural
from node.pay_options import MAX_RISK
from pathfinder.files.json_place import shown
from pathfinder.question import RouteQuestion
from proto.avoiding import MAX_AVOIDED, Avoided, CannotAvoid, read_avoided
from proto.levels import Level
from proto.limits import MAX_HOPS


class CannotAsk(Exception):
    """The options do not fit the network. The argument is one line that names the option."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of this page as they were given: names are not looked up yet."""

    levels: tuple[str, ...] = ()
    first_levels: tuple[str, ...] = ()
    max_risk: int | None = None
    max_cost: int | None = None
    avoid: tuple[str, ...] = ()
    avoid_lines: tuple[tuple[str, str], ...] = ()

    def applied(self, question: RouteQuestion, names: Sequence[str]) -> RouteQuestion:
        """The question with these wishes; `names`: the nodes that it may speak of.

        Raises CannotAsk.
        """
        avoided = self._avoided(question, frozenset(names))
        return replace(
            question,
            levels=_levels(self.levels) if self.levels else question.levels,
            first_levels=_levels(self.first_levels) if self.first_levels else question.first_levels,
            max_risk=self.max_risk,
            max_cost=question.max_cost if self.max_cost is None else self.max_cost,
            avoid_nodes=question.avoid_nodes | avoided.nodes,
            avoid_lines=question.avoid_lines | avoided.lines,
        )

    def arguments(self) -> dict[str, object]:
        """For a node that is asked, which looks names up itself; absent where nothing was said."""
        given = {
            "levels": list(self.levels),
            "first_levels": list(self.first_levels),
            "max_risk": self.max_risk,
            "max_cost": self.max_cost,
            "avoid": list(self.avoid),
            "avoid_lines": [list(ends) for ends in self.avoid_lines],
        }
        return {name: value for name, value in given.items() if value not in (None, [])}

    def _avoided(self, question: RouteQuestion, known: frozenset[str]) -> Avoided[str]:
        if len(self.avoid) + len(self.avoid_lines) > MAX_AVOIDED:
            raise CannotAsk(f"--avoid: more than {MAX_AVOIDED} nodes and lines")
        found: Avoided[str] = Avoided(lines=frozenset(self.avoid_lines))
        for promisor, promisee in self.avoid_lines:
            for name in (promisor, promisee):
                if name not in known:
                    raise CannotAsk(f"--avoid-line: no node {shown(name)}")
        for text in self.avoid:
            try:
                found |= read_avoided(text, lambda name: {name} & known)
            except CannotAvoid as cannot:
                hint = "a line can be written as --avoid-line FROM TO"
                raise CannotAsk(f"--avoid: {shown(str(cannot))}; {hint}") from cannot
        for end, does in ((question.payer, "pays"), (question.payee, "is paid")):
            if end in found.nodes:
                cause = f"{shown(end)} {does}: only those in between can be avoided"
                raise CannotAsk(f"--avoid: {cause}")
        return found


def _levels(names: Sequence[str]) -> frozenset[Level]:
    return frozenset(Level[name] for name in names)


def _level_option(name: str, parameter: str, text: str) -> Callable[[Any], Any]:
    return click.option(
        name, parameter, multiple=True, type=click.Choice(LEVELS), help=f"{text}; repeatable."
    )


_OPTIONS: Final = (
    _level_option("--level", "levels", "Level that any promise may have"),
    _level_option("--first-level", "first_levels", "Level that the payer's promise may have"),
    click.option("--max-risk", type=CountType(0, MAX_RISK), metavar="N", help=RISK_HELP),
    click.option("--avoid", multiple=True, metavar="NODE|LINE", help=AVOID_HELP),
    click.option(
        "--avoid-line",
        "avoid_lines",
        nargs=2,
        multiple=True,
        metavar="FROM TO",
        help="Keep clear of a line whose names hold arrows or hyphens; repeatable.",
    ),
)
_LIMITS: Final = (
    click.option(
        "--registry",
        "registries",
        multiple=True,
        metavar="NAME",
        help="Registry or policy to consider; repeatable. Default: all.",
    ),
    click.option(
        "--last-level",
        "last_levels",
        multiple=True,
        type=click.Choice(LEVELS),
        help="Level that the payee takes; repeatable. Default: all.",
    ),
    click.option(
        "--max-hops",
        type=Natural(),
        default=MAX_HOPS,
        show_default=True,
        help="Most promises in a chain.",
    ),
)
MAX_COST_OPTION: Final = click.option(
    "--max-cost", type=AMOUNT, metavar="N", help="Pay no more than this, fees included."
)
BUDGET_OPTION: Final = click.option(
    "--budget",
    "--max-cost",
    "max_cost",
    type=AMOUNT,
    metavar="N",
    help="What the payer can spend, fees included.",
)


def wishes(max_cost: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The options above and the given one for the cost; the command gets them as `wanted`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def collected(*args: Any, **given: Any) -> None:
            names = Wanted.__dataclass_fields__
            wanted = {name: given.pop(name) for name in names}
            command(*args, wanted=Wanted(**wanted), **given)

        described: Callable[..., None] = collected
        for option in reversed((*_OPTIONS, max_cost)):
            described = option(described)
        return described

    return decorate


def chain_limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Limits that every question has: `registries`, `last_levels`, `max_hops`."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


def only_one_of(options: Mapping[str, bool]) -> None:
    """Raises CannotAsk where several of these were given."""
    given = [name for name, is_given in options.items() if is_given]
    if len(given) > 1:
        raise CannotAsk(f"{given[1]}: not together with {given[0]}")
