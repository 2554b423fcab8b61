"""Records that reach a node by gossip or by its owner: newer ones only, of the same operators."""

from base64 import b64encode
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from node.command.sim.cast import NOW_US, certified, record_message
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.control.registries import add_registry
from node.core.view import Caps
from node.links import Links
from node.terms import Book
from proto.adverts import RECORD_KIND, Advert, RecordAdvert, read_advert
from proto.envelope import Envelope, Proof
from proto.keys import NodeId, SigningKey
from proto.registry_record import RegistryRecord, read_record, sign_record
from proto.wire import WireFault
from runtime.clock import FakeClock
from runtime.gossip import Gossip
from runtime.transport import LinkCause, Transport
from tests.proto.successions import (
    BY_OLD_OPERATORS,
    FIRST,
    FORKED,
    HELPED_BY_NOTHING,
    OLD,
    OWNER,
    ROTATED,
    ROTATED_AGAIN,
    STATEMENT_KEY,
)

OURS, PEER, OTHER = (SigningKey(bytes([i]) * 32) for i in (1, 2, 3))


def advert_of(record: RegistryRecord) -> bytes:
    return Envelope(RECORD_KIND, record.signed, Proof(b"", b"")).encode()


class Heard:
    """A transport that remembers the records that were passed on, and who was cut off."""

    def __init__(self) -> None:
        self.records: list[RegistryRecord] = []
        self.dropped: list[NodeId] = []

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        read = [read_advert(data, NOW_US) for data in adverts]
        self.records += [a.record for a in read if isinstance(a, RecordAdvert)]

    def drop(self, peer: NodeId, cause: LinkCause) -> None:
        self.dropped.append(peer)


def gossip() -> tuple[Gossip, Heard, list[Advert]]:
    heard, observed = Heard(), list[Advert]()
    links = cast(Links, heard)
    found = Gossip(cast(Transport, heard), links.drop, OURS, observed.append)
    found.greet(OTHER.node_id, 1)
    return found, heard, observed


def arrive(ours: Gossip, *records: RegistryRecord) -> None:
    ours.arrived(PEER.node_id, 2, [advert_of(record) for record in records], NOW_US)


@pytest.mark.parametrize("forged", HELPED_BY_NOTHING)
def test_gossip_passes_on_what_replaces_and_nothing_else(forged: RegistryRecord) -> None:
    ours, heard, observed = gossip()
    arrive(ours, FIRST, ROTATED)
    arrive(ours, forged)
    assert heard.records == [FIRST, ROTATED]
    arrive(ours, ROTATED_AGAIN)
    assert heard.records == [FIRST, ROTATED, ROTATED_AGAIN]
    assert [a.record for a in observed if isinstance(a, RecordAdvert)] == heard.records
    assert not heard.dropped, "a neighbour may not know better"


def test_gossip_leaves_former_operators_for_the_true_ones() -> None:
    ours, heard, _ = gossip()
    arrive(ours, BY_OLD_OPERATORS)
    arrive(ours, ROTATED)
    assert heard.records == [BY_OLD_OPERATORS, ROTATED]


def test_the_largest_record_travels() -> None:
    """Larger than any advert of a node or a line may be."""
    message = record_message("r", OLD)
    for _ in range(32):
        message.keys.append(certified(STATEMENT_KEY, OLD))
    record = read_record(sign_record(message, OLD))
    assert len(record.signed) > 8192
    ours, heard, _ = gossip()
    arrive(ours, record)
    assert heard.records == [record] and not heard.dropped
    with pytest.raises(WireFault):
        read_advert(advert_of(record).replace(RECORD_KIND.encode(), b"x" * len(RECORD_KIND)), 0)


def book() -> Book:
    return Book(OURS.node_id, 0, Caps())


def test_the_book_keeps_what_replaces_and_nothing_else() -> None:
    ours = book()
    assert ours.learn(FIRST, accepted=True)
    assert ours.learn(ROTATED)
    for forged in HELPED_BY_NOTHING:
        assert not ours.learn(forged)
        assert ours.settings().records == {OWNER: ROTATED}
    assert ours.learn(ROTATED_AGAIN)
    assert ours.settings().records == {OWNER: ROTATED_AGAIN}
    assert ours.settings().accepts == {OWNER}, "acceptance is the owner's"


async def add(ours: Book, record: RegistryRecord) -> None:
    async def durable(writes: object) -> None:
        del writes

    context = SimpleNamespace(
        book=ours,
        clock=FakeClock(NOW_US),
        durable=durable,
        engine=SimpleNamespace(use_settings=lambda settings: settings),
        advertise=lambda: None,
    )
    arguments = {"record": b64encode(record.signed).decode(), "accept": True}
    await add_registry(cast(Context, context), Arguments(arguments))


async def test_the_owner_is_told_of_a_fork() -> None:
    ours = book()
    await add(ours, ROTATED)
    for former in (FIRST, BY_OLD_OPERATORS):
        await add(ours, former)
        assert ours.settings().records == {OWNER: ROTATED}
    with pytest.raises(ControlFailure) as caught:
        await add(ours, FORKED)
    assert caught.value.code == "RECORD_FORKS"
    assert ours.settings().records == {OWNER: ROTATED}
