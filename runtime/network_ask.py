"""Questions about a network over a control socket: from a verb's arguments to `RouteAsk`."""

from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

from proto.avoiding import MAX_AVOIDED
from proto.levels import Level
from proto.limits import MAX_ALTERNATIVES, MAX_AMOUNT, MAX_HOPS, MAX_PARTS
from proto.network_view import BadAsk, RouteAsk
from proto.route import LineEnds
from runtime.control import Arguments, bad_argument

T = TypeVar("T")

MAX_NAMED: Final = 256  # registries in one question


def read_route_ask(
    arguments: Arguments,
    payer: str | None = None,
    learned: Mapping[bytes, Mapping[LineEnds, int]] | None = None,
) -> RouteAsk:
    """The arguments of the verb `route`, all of them. `payer`: who pays where `from` is not said;
    `learned`: what lines carry, by the own knowledge of whoever is asked. ControlFailure."""
    payer = arguments.maybe_text("from") or payer
    if payer is None:
        raise bad_argument("from", "missing: a path finder pays nobody itself, so say who would")
    ask = RouteAsk(
        payer=payer,
        payee=arguments.text("to"),
        amount=arguments.number("amount", least=1),
        brand=arguments.maybe_text("brand"),
        registries=_names(arguments, "registries"),
        levels=_levels(arguments, "levels"),
        first_levels=_levels(arguments, "first_levels"),
        last_levels=_levels(arguments, "last_levels"),
        max_hops=arguments.number("max_hops", MAX_HOPS, 1, MAX_HOPS),
        max_cost=arguments.number("max_cost", MAX_AMOUNT),
        max_risk=arguments.maybe_number("max_risk"),
        avoid=tuple(arguments.texts("avoid", MAX_AVOIDED) or ()),
        avoid_lines=tuple(arguments.pairs("avoid_lines", MAX_AVOIDED) or ()),
        parts=arguments.maybe_number("parts", 1, MAX_PARTS),
        alternatives=arguments.maybe_number("alternatives", 0, MAX_ALTERNATIVES),
        learned=learned or {},
        explain=arguments.flag("explain", False),
    )
    arguments.done()
    if ask.parts is not None and ask.alternatives is not None:
        raise bad_argument("parts", "not together with alternatives")
    return ask


async def answered(work: Awaitable[T]) -> T:
    """Awaits the answer to a question in people's own words; one that cannot be asked is a
    ControlFailure."""
    try:
        return await work
    except BadAsk as error:
        raise bad_argument(error.argument, error.cause) from error


def _names(arguments: Arguments, argument: str) -> tuple[str, ...] | None:
    given = arguments.texts(argument, MAX_NAMED)
    return None if given is None else tuple(given)


def _levels(arguments: Arguments, argument: str) -> frozenset[Level]:
    named = arguments.texts(argument)
    if named is None:
        return frozenset(Level)
    if unknown := [name for name in named if name not in Level.__members__]:
        raise bad_argument(argument, f"no level is called {unknown[0]!r}")
    return frozenset(Level[name] for name in named)
