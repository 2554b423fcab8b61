"""A small network of signed adverts, the path finder that has heard them, and what it answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from node.command.sim.cast import NOW_US, R1, R2, R3, digest, signing_key
from pathfinder.by_id import find
from pathfinder.core.graph import Upsert
from pathfinder.serving.feed import Feed
from proto.adverts import LINE_KIND, NODE_KIND, LineAdvert, NodeAdvert, RecordAdvert, read_advert
from proto.envelope import Envelope
from proto.fees import Fee, FeeSet, RegistryFee
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey, SigningKey
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.money import Brand, Rate
from proto.policy import RegistryPolicy, single
from proto.registry_list import make_list
from proto.route import LineEnds, NoRoute, RouteFound, RouteQuery
from proto.route_wire import found_to_message
from proto.v1 import pathfinder_pb2 as pb
from proto.viability import NodeFacts

BRAND = Brand(b"b" * 16, "USD")
LATER_US = NOW_US + 1800 * US
ALL_MODES = FeeSet({mode: Fee(Rate.parse("1.001"), 3 - mode) for mode in Mode})
OWNER = signing_key("list owner")
BOTH = RegistryPolicy(tuple(sorted((R1.id, R2.id))), 2, 1, 0, 2 * US)
ALL_THREE = RegistryPolicy((R1.id, R2.id, R3.id), 2, 2, 0, 2 * US)


def key_of(name: str) -> SigningKey:
    return signing_key(f"node {name}")


def id_of(name: str) -> NodeId:
    return key_of(name).node_id


def seal_of(name: str) -> SealKey:
    return SealKey(digest(f"seal {name}"))


def node_advert(name: str, **changes: Any) -> NodeAdvert:
    """Accepts and knows R1, prices every mode, watches."""
    key, seal = key_of(name), seal_of(name).public
    certificate = KeyCertificate(key.public, KeyPurpose.SEAL, seal, 0, 2**62)
    advert = NodeAdvert(
        node=key.node_id,
        alias=name,
        sequence=1,
        expires_at_us=LATER_US,
        seal_key=seal,
        seal_certificate=certify_key(key, certificate).SerializeToString(),
        registries=frozenset({R1.id}),
        knows_registries=frozenset({R1.id, R2.id, R3.id}),
        watches_registry=True,
        hold_max_us=60 * US,
        fees=ALL_MODES,
        registry_fees={},
    )
    return replace(advert, **changes)


def line_advert(promisor: str, promisee: str, available: int, **changes: Any) -> LineAdvert:
    advert = LineAdvert(
        promisor=id_of(promisor),
        promisee=id_of(promisee),
        brand=BRAND,
        sequence=1,
        expires_at_us=LATER_US,
        available=available,
    )
    return replace(advert, **changes)


def signed(name: str, advert: NodeAdvert | LineAdvert) -> bytes:
    """By the node of that name, whomever it speaks of."""
    kind = NODE_KIND if isinstance(advert, NodeAdvert) else LINE_KIND
    return Envelope.seal(key_of(name), kind, advert.encode()).encode()


@dataclass
class Advertised:
    """`own` are the payer's lines as it sees them; `payer` what it knows of itself."""

    payer: NodeFacts = field(
        default_factory=lambda: NodeFacts(frozenset({R1.id}), frozenset({R1.id}))
    )
    own: dict[LineEnds, int] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)

    def hear(self, data: bytes) -> None:
        """As gossip does: verified, with its bytes."""
        taken, _ = self.feed.take(read_advert(data, NOW_US), data)
        assert taken is Upsert.APPLIED

    def hear_nodes(self, *adverts: NodeAdvert) -> None:
        for advert in adverts:
            self.hear(signed(advert.alias, advert))

    def hear_lines(self, *lines: tuple[str, str, int]) -> None:
        for promisor, promisee, available in lines:
            self.hear(signed(promisor, line_advert(promisor, promisee, available)))

    def hear_records(self) -> None:
        for registry in (R1, R2, R3):
            self.feed.take(RecordAdvert(registry.record))

    def query(self, payer: str, payee: str, amount: int, **changes: Any) -> RouteQuery:
        query = RouteQuery(
            payer=id_of(payer),
            payee=id_of(payee),
            brand=BRAND.guid,
            amount=amount,
            candidates=(single(R1.id),),
            accepted=(single(R1.id),),
            levels=frozenset(Level),
            last_levels=frozenset(Level),
            payee_margin_us=2 * US,
            latest_deadline=60 * US,
            now_us=NOW_US,
            learned=self.own,
        )
        return replace(query, **changes)

    def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        self.feed.set_policies(query.candidates)
        return find(self.feed.graph, query)

    def answer(self, query: RouteQuery) -> pb.RouteFound:
        """What an honest path finder sends; there must be a route."""
        found = self.find(query)
        assert isinstance(found, RouteFound), found
        return found_to_message(found, self.feed.adverts_of(found, query.brand)).found


def town() -> Advertised:
    """P–A–B–Q, and a dearer way P–C–Q. Everybody accepts R1."""
    made = Advertised()
    made.hear_records()
    dear = FeeSet({mode: Fee(Rate.parse("1.1"), 7) for mode in Mode})
    made.hear_nodes(*(node_advert(name) for name in "PABQ"), node_advert("C", fees=dear))
    made.hear_lines(("P", "A", 9000), ("A", "B", 9000), ("B", "Q", 9000))
    made.hear_lines(("P", "C", 9000), ("C", "Q", 9000))
    made.own = {(id_of("P"), id_of("A")): 9000, (id_of("P"), id_of("C")): 9000}
    return made


def random_town(random: Random) -> tuple[Advertised, RouteQuery]:
    """Six nodes with random terms, lists among them, and a question of the first to the last."""
    names = "PABCDQ"
    made = Advertised()
    made.hear_records()
    followed = make_list(OWNER, random.sample([R1.id, R2.id, R3.id], 2), 1, LATER_US)
    made.hear(followed.signed)
    for name in names:
        made.hear_nodes(_random_node(random, name, followed.id))
    for promisor in names:
        for promisee in names:
            if promisor != promisee and promisee != "P" and random.random() < 0.55:
                own = _random_fees(random) if random.random() < 0.2 else None
                line = line_advert(promisor, promisee, random.choice((600, 1200, 5000)), fees=own)
                made.hear(signed(promisor, line))
                if promisor == "P":
                    made.own[line.promisor, line.promisee] = random.choice((500, line.available))
    accepts = _some(random, [R1.id, R2.id, R3.id])
    made.payer = NodeFacts(accepts, frozenset({R1.id, R2.id, R3.id}), random.random() < 0.7)
    mine = node_advert("P", registries=accepts, watches_registry=made.payer.watches_registry)
    made.hear(signed("P", replace(mine, sequence=2)))
    candidates = (single(R1.id), single(R2.id), BOTH, ALL_THREE)
    parts = random.choice((1, 1, 3))
    query = made.query("P", "Q", random.choice((100, 1000)))
    return made, replace(
        query,
        candidates=candidates,
        accepted=tuple(p for p in candidates if random.random() < 0.7),
        last_levels=frozenset(lv for lv in Level if random.random() < 0.8),
        max_parts=parts,
        split_to_save=parts > 1 and random.random() < 0.5,
        payee_margin_us=random.choice((2, 3, 11)) * US,
        max_risk=random.choice((None, None, 3)),
    )


def _random_node(random: Random, name: str, followed: bytes) -> NodeAdvert:
    return node_advert(
        name,
        registries=_some(random, [R1.id, R2.id, R3.id]),
        registry_list=followed if random.random() < 0.3 else b"",
        watches_registry=random.random() < 0.7,
        hold_max_us=random.choice((12, 60)) * US,
        fees=_random_fees(random),
        registry_fees={R1.id: RegistryFee(out_rate=Rate.parse("1.0005"), in_flat=2)},
    )


def _random_fees(random: Random) -> FeeSet:
    rates = ("1", "1.001", "1.02")
    modes = [mode for mode in Mode if random.random() < 0.8]
    return FeeSet({m: Fee(Rate.parse(random.choice(rates)), random.randrange(4)) for m in modes})


def _some(random: Random, registries: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(r for r in registries if random.random() < 0.7)
