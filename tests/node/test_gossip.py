"""Adverts reach every link that was greeted, whatever the engine knows of it by then."""

from collections.abc import Sequence
from typing import cast

from node.command.sim.cast import R1
from node.links import Links
from proto.adverts import FRAUD_KIND, Advert, FraudAdvert, LineAdvert, read_advert
from proto.envelope import Envelope, Proof
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudKind
from proto.keys import NodeId, SigningKey
from proto.money import Brand
from runtime.gossip import Gossip
from runtime.transport import Transport

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
OURS, PEER, OTHER = (SigningKey(bytes([i]) * 32) for i in (1, 2, 3))


class Heard:
    """A transport that remembers what was gossiped on which link."""

    def __init__(self) -> None:
        self.said: list[tuple[NodeId, int, int]] = []  # peer, link, amount available

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        for data in adverts:
            advert = read_advert(data, NOW_US)
            assert isinstance(advert, LineAdvert)
            self.said.append((peer, link, advert.available))


def advert(available: int) -> LineAdvert:
    return LineAdvert(
        promisor=OURS.node_id,
        promisee=OTHER.node_id,
        brand=Brand(bytes(16), "USD", 1),
        sequence=NOW_US + available,
        expires_at_us=NOW_US + HOUR_US,
        available=available,
    )


def gossip() -> tuple[Gossip, Heard]:
    heard = Heard()
    transport = cast(Transport, heard)
    return Gossip(transport, Links(transport).drop, OURS, lambda _: None), heard


def test_what_is_said_right_after_the_greeting_is_heard() -> None:
    ours, heard = gossip()
    ours.say([advert(1)], NOW_US)
    ours.greet(PEER.node_id, 7)
    # The engine has not yet taken the link up.
    ours.say([advert(2)], NOW_US)
    assert heard.said == [(PEER.node_id, 7, 1), (PEER.node_id, 7, 2)]


def test_nothing_is_said_on_a_link_that_is_over() -> None:
    ours, heard = gossip()
    ours.greet(PEER.node_id, 7)
    ours.parted(PEER.node_id, 7)
    ours.say([advert(1)], NOW_US)
    assert heard.said == []


def test_the_end_of_a_link_that_was_replaced_leaves_its_successor() -> None:
    ours, heard = gossip()
    ours.greet(PEER.node_id, 7)
    ours.greet(PEER.node_id, 8)
    ours.parted(PEER.node_id, 7)
    ours.say([advert(1)], NOW_US)
    assert heard.said == [(PEER.node_id, 8, 1)]


def test_a_proof_of_fraud_is_handed_on_by_whoever_verified_it() -> None:
    """Gossip shows it to the node, and keeps nothing that nobody has looked at."""
    observed: list[Advert] = []
    heard = Heard()
    transport = cast(Transport, heard)
    ours = Gossip(transport, Links(transport).drop, OURS, observed.append)
    ours.greet(OTHER.node_id, 8)
    proof = FraudProof(FraudKind.EQUIVOCATION, R1.record.signed).encode()
    envelope = Envelope(FRAUD_KIND, proof, Proof(b"", b"")).encode()
    ours.arrived(PEER.node_id, 7, [envelope], NOW_US)
    assert observed == [FraudAdvert(R1.id, proof)]
    assert heard.said == [] and list(ours.adverts) == []
