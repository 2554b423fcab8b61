"""Strangers, liars and rule-breakers at the door of a node, on real loopback."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from proto.limits import MAX_ENVELOPE_BYTES
from proto.v1 import node_pb2
from runtime.hello import HelloFault
from runtime.tls import BadCertificate
from runtime.transport import (
    MAX_FRAME_BYTES,
    MAX_FRAME_ENVELOPES,
    BatchArrived,
    LinkCause,
    LinkDown,
    LinkUp,
    PeerEndpoint,
)
from tests.runtime.neighbours import (
    NOW_US,
    Someone,
    hello,
    issue,
    speak,
    speak_loosely,
    two,
)

pytestmark = pytest.mark.edge


async def test_a_stranger_does_not_pass_the_handshake() -> None:
    stranger = Someone(9)
    async with two(linked=False) as (bridge, server, _):
        greeting = hello(stranger, server).SerializeToString()
        assert await speak(bridge, server, stranger.tls, greeting) == []
        assert server.refused == []


async def test_a_certificate_issued_with_a_peers_key_does_not_pass_either() -> None:
    async with two(linked=False) as (bridge, server, client):
        issued = issue(client.tls)
        greeting = hello(client, server).SerializeToString()
        assert await speak(bridge, server, issued, greeting) == []
        assert server.refused == []


async def test_a_certificate_that_may_issue_others_is_not_taken_as_a_pin() -> None:
    async with two(linked=False) as (_, server, client):
        loose = PeerEndpoint(issue(client.tls).certificate_der, None)
        with pytest.raises(BadCertificate):
            server.transport.set_peers({client.node: loose})
        with pytest.raises(BadCertificate):
            server.transport.set_peers({client.node: PeerEndpoint(b"junk", None)})


async def refusal_of(first: Callable[[Someone, Someone], node_pb2.Frame]) -> HelloFault:
    async with two(linked=False) as (bridge, server, client):
        frame = first(client, server)
        replies = await speak(bridge, server, client.tls, frame.SerializeToString())
        refused = await server.wait_refusal()
        assert refused.peer == client.node
        assert [reply.goodbye.cause for reply in replies] == [refused.fault]
        return refused.fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"node": bytes(32)}, HelloFault.WRONG_NODE),
        ({"peer": bytes(32)}, HelloFault.NOT_FOR_US),
        ({"spki_sha256": bytes(32)}, HelloFault.WRONG_KEYS),
        ({"peer_spki_sha256": bytes(32)}, HelloFault.WRONG_KEYS),
        ({"not_after_us": NOW_US - 1}, HelloFault.EXPIRED),
        ({"protocol_version": "99"}, HelloFault.WRONG_VERSION),
    ],
)
async def test_a_hello_that_lies_is_refused(changes: dict[str, Any], fault: HelloFault) -> None:
    assert await refusal_of(lambda us, them: hello(us, them, **changes)) is fault


async def test_a_hello_signed_with_another_identity_is_refused() -> None:
    def forged(us: Someone, them: Someone) -> node_pb2.Frame:
        frame = hello(us, them)
        signature = Someone(9).key.sign("pledgeway/hello/v1", frame.hello.binding)
        frame.hello.signature.signature = signature
        return frame

    assert await refusal_of(forged) is HelloFault.BAD_SIGNATURE


async def test_a_peer_cannot_replay_the_hello_of_another() -> None:
    """A Hello that a third node once sent to the server, on a stream of the client's."""

    def replayed(_: Someone, server: Someone) -> node_pb2.Frame:
        return hello(Someone(3), server)

    assert await refusal_of(replayed) is HelloFault.WRONG_NODE


async def test_a_hello_of_an_earlier_tls_key_is_worth_nothing() -> None:
    def earlier(client: Someone, server: Someone) -> node_pb2.Frame:
        old = Someone(2)
        assert old.node == client.node
        return hello(old, server)

    assert await refusal_of(earlier) is HelloFault.WRONG_KEYS


async def test_whoever_does_not_begin_with_a_hello_is_refused() -> None:
    frame = node_pb2.Frame(batch=node_pb2.Batch(first=1))
    assert await refusal_of(lambda us, them: frame) is HelloFault.NO_HELLO


async def test_whoever_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.peer_streams.HELLO_TIMEOUT_S", 0.05)
    async with two(linked=False) as (bridge, server, client), trio.open_nursery() as nursery:
        nursery.start_soon(speak_loosely, bridge, server, client.tls)
        assert (await server.wait_refusal()).fault is HelloFault.NO_HELLO
        nursery.cancel_scope.cancel()


async def test_a_liar_does_not_end_the_link_there_is() -> None:
    """With a peer's TLS key, but without its identity key."""
    async with two() as (bridge, server, client):
        live = (await client.next(LinkUp)).link
        link = (await server.next(LinkUp)).link
        lie = hello(client, server, peer=bytes(32)).SerializeToString()
        await speak(bridge, server, client.tls, lie)
        assert (await server.wait_refusal()).fault is HelloFault.NOT_FOR_US
        client.transport.send(server.node, live, 1, [b"still here"], 0)
        assert (await server.next(BatchArrived)).link == link


# A peer that says a good Hello and then breaks the rules.


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        pytest.param(bytes(MAX_FRAME_BYTES + 1), LinkCause.FRAME_TOO_BIG, id="frame"),
        pytest.param(
            node_pb2.Frame(
                batch=node_pb2.Batch(envelopes=[bytes(MAX_ENVELOPE_BYTES + 1)])
            ).SerializeToString(),
            LinkCause.FRAME_TOO_BIG,
            id="envelope",
        ),
        pytest.param(
            node_pb2.Frame(
                batch=node_pb2.Batch(envelopes=[b""] * (MAX_FRAME_ENVELOPES + 1))
            ).SerializeToString(),
            LinkCause.TOO_MANY_ENVELOPES,
            id="count",
        ),
        pytest.param(b"\xff\xff\xff", LinkCause.MALFORMED, id="junk"),
        pytest.param(
            node_pb2.Frame(
                batch=node_pb2.Batch(first=1, envelopes=[bytes(300)])
            ).SerializeToString()[:-7],
            LinkCause.MALFORMED,
            id="truncated",
        ),
        pytest.param(b"", LinkCause.MALFORMED, id="empty"),
        pytest.param(bytes(2 * MAX_FRAME_BYTES), LinkCause.LOST, id="beyond gRPC's limit"),
    ],
)
async def test_a_frame_that_breaks_a_limit_ends_the_link(frame: bytes, cause: LinkCause) -> None:
    async with two(linked=False) as (bridge, server, client):
        greeting = hello(client, server).SerializeToString()
        async with trio.open_nursery() as nursery:

            async def talk() -> None:
                await speak_loosely(bridge, server, client.tls, greeting, frame)

            nursery.start_soon(talk)
            await server.next(LinkUp)
            assert (await server.next(LinkDown)).cause is cause
