"""One peer whose frames nobody is done with is not read on; the others are."""

from contextlib import AsyncExitStack

import pytest
import trio
import trio.lowlevel

from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.handover import LAZY
from runtime.link import READ_AHEAD_FRAMES, parse_frame
from runtime.transport import (
    MAX_FRAME_ENVELOPES,
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    FrameLimits,
    LinkCause,
    LinkDown,
    LinkUp,
    Taken,
)
from tests.patience import PATIENCE_S
from tests.runtime.neighbours import Someone

pytestmark = pytest.mark.edge

FULL = (b"x",) * MAX_FRAME_ENVELOPES


async def test_a_stream_that_is_not_taken_fills_up_alone() -> None:
    server, slow, quick = Someone(1), Someone(2), Someone(3)
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(Bridge.open())
        await stack.enter_async_context(server.running(bridge))
        for client in (slow, quick):
            await stack.enter_async_context(client.running(bridge, listen=False))
        server.transport.set_peers({slow.node: slow.at(None), quick.node: quick.at(None)})
        links = {}
        for client in (slow, quick):
            client.transport.set_peers({server.node: server.at(server.transport.port)})
            links[client.node] = (await client.next(LinkUp)).link
            await server.next(LinkUp)
        for number in range(0, MAX_WINDOW_ENVELOPES, MAX_FRAME_ENVELOPES):
            slow.transport.send(server.node, links[slow.node], number + 1, FULL, 0)
        waiting: list[Taken] = []
        with trio.fail_after(PATIENCE_S):
            while len(waiting) < READ_AHEAD_FRAMES:
                event, taken = await server.transport.take()
                assert isinstance(event, BatchArrived) and event.peer == slow.node
                waiting.append(taken)
            slow.transport.send(server.node, links[slow.node], 0, (), 0)  # a ninth frame
            quick.transport.send(server.node, links[quick.node], 1, (b"hello",), 0)
            event, taken = await server.transport.take()
        assert event.peer == quick.node, "the ninth was read"
        taken()
        for leave in waiting[:LAZY]:
            leave()
        with trio.fail_after(PATIENCE_S):
            event, _ = await server.transport.take()
        assert event.peer == slow.node


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        (FrameLimits(), None),
        (FrameLimits(envelope_bytes=99), LinkCause.FRAME_TOO_BIG),
        (FrameLimits(frame_bytes=99), LinkCause.FRAME_TOO_BIG),
    ],
)
async def test_an_operator_may_admit_less(limits: FrameLimits, cause: LinkCause | None) -> None:
    batch = node_pb2.Batch(first=1, envelopes=[b"y" * 100])
    raw = node_pb2.Frame(batch=batch).SerializeToString()
    found = parse_frame(Someone(1).node, 1, raw, limits)
    assert found == cause or (cause is None and isinstance(found, BatchArrived))
    assert not isinstance(found, LinkDown)
