"""The verb that says how much could be paid to somebody, before anybody asks for it."""

from typing import Any

from node.control.avoided import nodes_named
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.payments import pay_options, route_shown
from node.dictating import route_json
from node.remote_finder import RemoteFinder, no_network
from node.routing import LineEnds, MostFound
from node.unrequested import Unrequested
from proto.adverts import LineAdvert
from proto.keys import NodeId
from proto.levels import Level
from proto.money import Brand


async def max_sendable(context: Context, arguments: Arguments) -> dict[str, Any]:
    """As `max-sendable --json` prints it, and `payer`; names are aliases or beginnings of ids.

    One search may take seconds, and payments that need one wait for it.
    """
    named = arguments.maybe_text("payer")
    payer = context.identity.key.node_id if named is None else _node(context, "payer", named)
    payee = _node(context, "payee", arguments.text("payee"))
    if payer == payee:
        raise bad_argument("payee", "nobody can pay itself")
    brand = _brand(context, arguments.maybe_text("brand"))
    asked = Unrequested(
        first_levels=_levels(arguments, "first_levels"),
        last_levels=_levels(arguments, "last_levels"),
        options=pay_options(context, arguments),
    )
    arguments.done()
    try:
        most = await context.payer.sendable(payer, payee, brand, asked)
    except KeyError as error:
        raise ControlFailure(
            "NOT_FOUND",
            f"{brand.name}: no chain between them is known",
            "adverts take a moment; see `pledgeway network export`",
        ) from error
    return _shown(context, most, brand, payer)


def _node(context: Context, argument: str, named: str) -> NodeId:
    found = nodes_named(context)(named)
    if len(found) > 1:
        raise bad_argument(argument, f"{named} may be several nodes: say the beginning of an id")
    if not found and isinstance(context.finder, RemoteFinder):
        raise no_network()
    if not found:
        raise ControlFailure("NOT_FOUND", f"no node {named} is known", "try `network export`")
    return NodeId(found[0])


def _levels(arguments: Arguments, name: str) -> frozenset[Level]:
    given = arguments.texts(name)
    if not given:
        return frozenset(Level)
    if not set(given) <= set(Level.__members__):
        raise bad_argument(name, f"levels are {', '.join(Level.__members__)}")
    return frozenset(Level[level] for level in given)


def _brand(context: Context, named: str | None) -> Brand:
    """That of any line that is known; ours come first where several are called the same."""
    if named is not None and any(line.brand.name == named for line in context.lines):
        return context.find_brand(named)
    known = {a.brand.guid: a.brand for a in context.gossip.adverts if isinstance(a, LineAdvert)}
    known |= {line.brand.guid: line.brand for line in context.lines}
    found = [b for b in known.values() if named in (None, b.name, b.guid.hex())]
    if not found:
        raise bad_argument("brand", "no line is known" + (f" in {named}" if named else ""))
    if len(found) > 1:
        names = ", ".join(sorted({b.name for b in found}))
        raise bad_argument("brand", f"there are several, name one of {names}")
    return found[0]


def _shown(context: Context, most: MostFound, brand: Brand, payer: NodeId) -> dict[str, Any]:
    parts = [] if most.found is None else most.found.parts
    used: dict[LineEnds, int] = {}
    for part in parts:
        for hop in part.hops:
            ends = (hop.promisor, hop.promisee)
            used[ends] = used.get(ends, 0) + hop.amount
    route = {} if most.found is None else route_shown(context, route_json(most.found))
    return {
        "payer": context.alias_of(payer),
        "amount": most.amount,
        "at_most": most.at_most,
        "exact": most.amount == most.at_most,
        "cost": sum(part.cost for part in parts),
        "brand": brand.name,
        "registry": route.get("registry"),
        "routes": route.get("parts", []),
        "bottleneck": [
            {
                "from": context.alias_of(promisor),
                "to": context.alias_of(promisee),
                "carries": carries,
                "used": used.get((promisor, promisee), 0),
            }
            for (promisor, promisee), carries in most.bottleneck
        ],
        "cut": most.cut,
    }
