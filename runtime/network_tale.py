"""A network told over a control socket, in pieces that fit into messages, however large it is.

What is slow about a large one, sorting and naming, is done on a thread, so that nobody waits.
"""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import trio

from proto.network_view import Known, KnownNetwork, Viewpoint, network_file
from runtime.network_page import Page
from runtime.rpc import MAX_MESSAGE_BYTES

T = TypeVar("T")
Tell = Callable[[Mapping[str, Any]], Awaitable[None]]

ENTRIES_AT_ONCE: Final = 500  # drawn on a thread; then whatever else has come is done
PIECE_CHARS: Final = 1 << 18  # of a streamed answer: a quarter of what one message may hold
MAX_PAGE: Final = 10_000  # rows of nodes and of lines in one answer
# A reply is one message; what is around the text fits into the rest.
MAX_REPLY_CHARS: Final = MAX_MESSAGE_BYTES - (1 << 16)


async def whole_file(network: KnownNetwork, view: Viewpoint) -> dict[str, Any] | None:
    """The whole network file; None where it does not fit into one message."""
    file = await trio.to_thread.run_sync(partial(network_file, network.known(view)))
    return None if len(json.dumps(file)) > MAX_REPLY_CHARS else file


async def tell_entries(network: KnownNetwork, view: Viewpoint, tell: Tell) -> None:
    """The network as [section, name, entry], in the order of a network file."""
    counts: Counter[str] = Counter()

    def written(one: Known) -> str:
        counts[one.section] += 1
        return json.dumps([one.section, one.name, one.entry()])

    await _tell_all("entries", map(written, network.known(view)), json.loads, tell)
    await tell({"end": True, **counts})


async def tell_adverts(adverts: Iterable[bytes], tell: Tell) -> None:
    """Envelopes as they were signed, in base64."""
    kept = list(adverts)
    await _tell_all("adverts", (b64encode(data).decode() for data in kept), str, tell)
    await tell({"end": True, "count": len(kept)})


async def tell_rows(
    network: KnownNetwork,
    view: Viewpoint,
    skip: int,
    limit: int,
    given: str | None,
    tell: Tell,
) -> None:
    """Some rows, and the size of all; of one node and its lines alone where it is given. BadAsk."""
    name = None
    if given is not None:
        name = await trio.to_thread.run_sync(partial(network.name_of, view, given))
    page = Page(skip, limit, name)
    async for piece in _pieces(network.known(view)):
        for one in piece:
            page.take(one)
    await tell({"sizes": page.sizes, "at_us": view.now_us, "skip": skip, "limit": limit})
    await _tell_all("nodes", map(json.dumps, page.nodes), json.loads, tell)
    await _tell_all("lines", map(json.dumps, page.lines), json.loads, tell)
    await tell({"end": True})


async def _pieces(entries: Iterator[T]) -> AsyncIterator[list[T]]:
    while piece := await trio.to_thread.run_sync(lambda: list(islice(entries, ENTRIES_AT_ONCE))):
        yield piece


async def _tell_all(
    name: str, texts: Iterator[str], value: Callable[[str], Any], tell: Tell
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
