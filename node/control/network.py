"""Verbs about the network as the node knows it: look at it, take it away, bring adverts, ask."""

from base64 import b64decode
from typing import Any, Final

import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.rows import LinePhase
from proto.network_view import Viewpoint
from runtime.advert_fate import AdvertFate, Fate
from runtime.network_ask import answered, read_route_ask
from runtime.network_tale import (
    MAX_PAGE,
    Tell,
    tell_adverts,
    tell_entries,
    tell_rows,
    whole_file,
)

MAX_ADVERTS_AT_ONCE: Final = 4096  # one call; they are verified in turns of `VERIFIED_AT_ONCE`
VERIFIED_AT_ONCE: Final = 20  # a few milliseconds, then neighbours are served


def viewpoint(context: Context) -> Viewpoint:
    """As the owner sees the network: his neighbours and names first."""
    own = context.identity.key.node_id
    brands = {x.brand.guid: x.brand.name for x in context.lines if x.phase is not LinePhase.CLOSED}
    return Viewpoint(
        now_us=context.clock.now_us(),
        node=own,
        met=frozenset({own, *context.engine.links.neighbours}),
        brands=brands,
        policies=dict(context.book.terms.policies),
    )


async def network(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What gossip has told this node, as a network file; a large one only streams."""
    arguments.done()
    file = await whole_file(context.finder, viewpoint(context))
    if file is None:
        raise ControlFailure(
            "TOO_LARGE",
            "the network is too large for one answer",
            "take it with `pledgeway network export`",
        )
    return file


async def export(context: Context, arguments: Arguments, tell: Tell) -> None:
    """The same, however large, in pieces."""
    arguments.done()
    await tell_entries(context.finder, viewpoint(context), tell)


async def adverts(context: Context, arguments: Arguments, tell: Tell) -> None:
    """Everything that gossip keeps, as it was signed."""
    arguments.done()
    await tell_adverts(context.gossip.exported(), tell)


async def show(context: Context, arguments: Arguments, tell: Tell) -> None:
    """Some rows of it, and the size of all; of one node and its lines where `node` names it."""
    skip = arguments.number("skip", 0)
    limit = arguments.number("limit", MAX_PAGE, 1, MAX_PAGE)
    node = arguments.maybe_text("node")
    arguments.done()
    await answered(tell_rows(context.finder, viewpoint(context), skip, limit, node, tell))


async def learn(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Signed adverts, each base64 of an envelope, taken as if a neighbour had passed them on; what
    became of each, in their order."""
    given = arguments.texts("adverts", MAX_ADVERTS_AT_ONCE)
    arguments.done()
    if given is None:
        raise bad_argument("adverts", "missing")
    became: list[AdvertFate] = []
    for start in range(0, len(given), VERIFIED_AT_ONCE):
        became += _learn(context, given[start : start + VERIFIED_AT_ONCE])
        await trio.lowlevel.checkpoint()
    return {"became": [{"fate": one.fate.value, "reason": one.reason} for one in became]}


def _learn(context: Context, texts: list[str]) -> list[AdvertFate]:
    decoded = [_bytes(text) for text in texts]
    genuine = [data for data in decoded if data is not None]
    fates = iter(context.gossip.take(genuine, context.clock.now_us()))
    return [AdvertFate(Fate.REFUSED, "not base64") if d is None else next(fates) for d in decoded]


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


async def route(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The cheapest chain by what this node knows: the object of protocol section 10, beside what
    was asked in the names that it uses. `from` is this node where it is not said."""
    own = context.identity.key.node_id.hex()
    lines = {guid: context.payer.own_lines(guid) for guid in viewpoint(context).brands}
    ask = read_route_ask(arguments, own, lines)
    return dict(await answered(context.finder.ask(viewpoint(context), ask)))
