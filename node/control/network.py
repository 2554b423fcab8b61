"""Verbs about the network as the node knows it: look at it, take it away, bring adverts, ask."""

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.rows import LinePhase
from node.network_page import Page
from node.routing import BadAsk, Known, RouteAsk, Viewpoint
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from runtime.gossip import Learnt
from runtime.rpc import MAX_MESSAGE_BYTES

T = TypeVar("T")
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

ENTRIES_AT_ONCE: Final = 500  # drawn on a thread; then whatever else has come is done
PIECE_CHARS: Final = 1 << 18  # of a streamed answer: a quarter of what one message may hold
MAX_PAGE: Final = 10_000  # rows of nodes and of lines in one answer
MAX_ADVERTS_AT_ONCE: Final = 4096  # one call; they are verified in turns of `VERIFIED_AT_ONCE`
VERIFIED_AT_ONCE: Final = 50  # some 5 ms, then neighbours are served
MAX_AVOIDED: Final = 256
# A reply is one message; what is around the text fits into the rest.
MAX_REPLY_CHARS: Final = MAX_MESSAGE_BYTES - (1 << 16)


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


async def _pieces(entries: Iterator[T]) -> AsyncIterator[list[T]]:
    """Drawn on a thread: sorting a large network must not keep anybody waiting."""
    while piece := await trio.to_thread.run_sync(lambda: list(islice(entries, ENTRIES_AT_ONCE))):
        yield piece


# ---------------------------------------------------------------- the network, going out


async def network(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What gossip has told this node, as a network file; a large one only streams."""
    arguments.done()
    file: dict[str, Any] = {"registries": {}, "policies": {}, "nodes": {}, "lines": []}
    async for piece in _pieces(context.finder.known(viewpoint(context))):
        for one in piece:
            if one.section == "lines":
                file["lines"].append(one.entry())
            else:
                file[one.section][one.name] = one.entry()
    if len(json.dumps(file)) > MAX_REPLY_CHARS:
        raise ControlFailure(
            "TOO_LARGE",
            "the network is too large for one answer",
            "take it with `pledgeway network export`",
        )
    return file


async def export(context: Context, arguments: Arguments, tell: Send) -> None:
    """The same, however large: entries as [section, name, entry] in the order of the file."""
    arguments.done()
    counts: Counter[str] = Counter()

    def written(one: Known) -> str:
        counts[one.section] += 1
        return json.dumps([one.section, one.name, one.entry()])

    texts = map(written, context.finder.known(viewpoint(context)))
    await _tell_all("entries", texts, json.loads, tell)
    await tell({"end": True, **counts})


async def adverts(context: Context, arguments: Arguments, tell: Send) -> None:
    """Everything that gossip keeps, as it was signed: base64 of envelopes, records first."""
    arguments.done()
    kept = context.gossip.kept(context.clock.now_us())

    def texts() -> Iterator[str]:
        # In the reverse order of the alphabet registries come before nodes, and nodes before lines.
        for _, data in sorted(kept, reverse=True):
            yield b64encode(data).decode()

    await _tell_all("adverts", texts(), str, tell)
    await tell({"end": True, "adverts_kept": len(kept)})


async def _tell_all(
    name: str, texts: Iterator[str], value: Callable[[str], Any], tell: Send
) -> None:
    """In messages that are each well below what one may hold, whatever strangers have said."""
    waiting: list[str] = []
    size = 0
    async for piece in _pieces(texts):
        for text in piece:
            if waiting and size + len(text) > PIECE_CHARS:
                await tell({name: [value(one) for one in waiting]})
                waiting, size = [], 0
            waiting.append(text)
            size += len(text)
    if waiting:
        await tell({name: [value(one) for one in waiting]})


async def show(context: Context, arguments: Arguments, tell: Send) -> None:
    """Some rows, and the size of all; of one node and its lines alone where `node` names it."""
    skip = arguments.number("skip", 0)
    limit = arguments.number("limit", MAX_PAGE, 1, MAX_PAGE)
    named = arguments.maybe_text("node")
    arguments.done()
    view = viewpoint(context)
    asked = partial(context.finder.name_of, view, named) if named is not None else lambda: None
    page = Page(skip, limit, await _asked(trio.to_thread.run_sync(asked)))
    async for piece in _pieces(context.finder.known(view)):
        for one in piece:
            page.take(one)
    await tell({"sizes": page.sizes, "at_us": view.now_us, "skip": skip, "limit": limit})
    await _tell_all("nodes", map(json.dumps, page.nodes), json.loads, tell)
    await _tell_all("lines", map(json.dumps, page.lines), json.loads, tell)
    await tell({"end": True})


# ---------------------------------------------------------------- adverts, coming in


async def learn(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Signed adverts, each base64 of an envelope, taken as if a neighbour had passed them on; what
    became of each, in their order: a word of `Learnt`, or why it is refused."""
    given = arguments.texts("adverts", MAX_ADVERTS_AT_ONCE)
    arguments.done()
    if given is None:
        raise bad_argument("adverts", "missing")
    became: list[dict[str, str]] = []
    for start in range(0, len(given), VERIFIED_AT_ONCE):
        now_us = context.clock.now_us()
        became += [_learn(context, text, now_us) for text in given[start:][:VERIFIED_AT_ONCE]]
        context.gossip.pass_on()
        await trio.lowlevel.checkpoint()
    return {"became": became}


def _learn(context: Context, text: str, now_us: int) -> dict[str, str]:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return {"outcome": Learnt.REFUSED.value, "cause": "not base64"}
    outcome, cause = context.gossip.learn(data, now_us)
    return {"outcome": outcome.value} | ({"cause": cause} if cause else {})


# ---------------------------------------------------------------- routes


async def route(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The cheapest chain by what this node knows: the object of protocol section 10, beside what
    was asked in the names that it uses. `from` is this node where it is not said."""
    own = context.identity.key.node_id.hex()
    ask = RouteAsk(
        payer=arguments.text("from", own),
        payee=arguments.text("to"),
        amount=arguments.number("amount", least=1),
        brand=arguments.maybe_text("brand"),
        registries=_names(arguments, "registries"),
        last_levels=_levels(arguments),
        max_hops=arguments.number("max_hops", MAX_HOPS, 1, MAX_HOPS),
        max_cost=arguments.number("max_cost", MAX_AMOUNT),
        max_risk=arguments.maybe_number("max_risk"),
        avoid=_names(arguments, "avoid") or (),
        learned={guid: context.payer.own_lines(guid) for guid in viewpoint(context).brands},
        explain=arguments.flag("explain", False),
    )
    arguments.done()
    return dict(await _asked(context.finder.ask(viewpoint(context), ask)))


def _names(arguments: Arguments, argument: str) -> tuple[str, ...] | None:
    given = arguments.texts(argument, MAX_AVOIDED)
    return None if given is None else tuple(given)


def _levels(arguments: Arguments) -> frozenset[Level]:
    named = arguments.texts("last_levels")
    if named is None:
        return frozenset(Level)
    if unknown := [name for name in named if name not in Level.__members__]:
        raise bad_argument("last_levels", f"no level is called {unknown[0]!r}")
    return frozenset(Level[name] for name in named)


async def _asked(work: Awaitable[T]) -> T:
    try:
        return await work
    except BadAsk as error:
        raise bad_argument(error.argument, error.cause) from error
