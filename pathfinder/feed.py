"""Signed adverts become the graph that a search runs on (protocol sections 8 and 10).

Names in the graph are ids in hex. Pure; owned by one task, and nobody reads the graph meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pathfinder.by_id import policy_of
from pathfinder.graph import Graph, Upsert
from pathfinder.network import Line, Node
from proto.adverts import Advert, AdvertKey, FraudAdvert, LineAdvert, NodeAdvert, RecordAdvert
from proto.policy import RegistryPolicy, single
from proto.registry_list import RegistryList

Ends = tuple[str, str, str]
"""Promisor, promisee and brand of a line, in hex."""


class Feed:
    """What the newest adverts say, and the graph of it. Fraud proofs are not for path finding.

    `signed`: the adverts in the graph as they were received, of those that came with their bytes.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.signed: dict[AdvertKey, bytes] = {}
        self._nodes: dict[str, NodeAdvert] = {}
        self._lines: dict[Ends, LineAdvert] = {}
        self._records: dict[str, RecordAdvert] = {}
        self._lists: dict[bytes, RegistryList] = {}
        self._policies: set[RegistryPolicy] = set()

    def take(self, advert: Advert, signed: bytes = b"") -> tuple[Upsert, Advert | None]:
        """What became of a verified advert, and the one that was known before it."""
        old: Advert | None = None
        taken = Upsert.STALE
        news = {"sequence": advert.sequence, "expires_at_us": advert.expires_at_us}
        match advert:
            case NodeAdvert():
                name = advert.node.hex()
                taken, old = (
                    self.graph.upsert_node(self._node(advert), **news),
                    self._nodes.get(name),
                )
                if taken is Upsert.APPLIED:
                    self._nodes[name] = advert
            case LineAdvert():
                ends = (advert.promisor.hex(), advert.promisee.hex(), advert.brand.guid.hex())
                taken = self.graph.upsert_line(_line(advert), **news, closed=advert.closed)
                old = self._lines.get(ends)
                if taken is Upsert.APPLIED:
                    self._lines[ends] = advert
            case RecordAdvert():
                name = advert.record.registry.hex()
                taken, old = self.graph.upsert_registry(name, **news), self._records.get(name)
                if taken is Upsert.APPLIED:
                    self._records[name] = advert
            case RegistryList():
                old = self._lists.get(advert.id)
                taken = Upsert.APPLIED if old is None or advert.replaces(old) else Upsert.STALE
                if taken is Upsert.APPLIED:
                    self._lists[advert.id] = advert
                    self._read_anew(advert.id)
            case FraudAdvert():
                pass
        if signed and taken is Upsert.APPLIED:
            self.signed[advert.key] = signed
        return taken, old

    def _node(self, advert: NodeAdvert) -> Node:
        """As the graph has it: with what stands on the list that the node follows."""
        return _node(advert, self.accepted(advert))

    def accepted(self, advert: NodeAdvert) -> frozenset[bytes]:
        """T(n). Of a list only what the node can verify: it says which records it holds."""
        return accepted_registries(advert, self._lists.get(advert.registry_list))

    def _read_anew(self, changed: bytes) -> None:
        for advert in self._nodes.values():
            if advert.registry_list == changed:
                self.graph.revise_node(self._node(advert))

    def forget_lists(self, now_us: int) -> bool:
        """Drops expired lists: whether there were any, so that answers may have changed."""
        gone = [i for i, known in self._lists.items() if known.expires_at_us <= now_us]
        for list_id in gone:
            self.signed.pop(self._lists.pop(list_id).key, None)
            self._read_anew(list_id)
        return bool(gone)

    def set_policies(self, candidates: tuple[RegistryPolicy, ...]) -> bool:
        """Makes collectives candidates: whether any is new. The graph takes every policy that it
        is told for a new version, so it is told once."""
        fresh = [
            policy
            for policy in candidates
            if policy not in self._policies and policy != single(policy.members[0])
        ]
        for policy in fresh:
            self._policies.add(policy)
            self.graph.set_policy(policy_of(policy))
        return bool(fresh)

    def until_us(self, brand: bytes, now_us: int) -> int:
        """When the first advert that a search in this brand could rest on expires."""
        expiries = [record.expires_at_us for record in self._records.values()]
        expiries += [known.expires_at_us for known in self._lists.values()]
        graph_until_us = self.graph.until_us(brand.hex(), now_us)
        return min([graph_until_us, *(e for e in expiries if e > now_us)])

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        return len(self._nodes), sum(not a.closed for a in self._lines.values())

    def tables(self) -> "Tables":
        """Everything that is known now, expired or not. The copies are nobody else's."""
        return Tables(dict(self._nodes), dict(self._lines), dict(self._records), dict(self._lists))


@dataclass(frozen=True, slots=True)
class Tables:
    """The newest advert of each, by id in hex; lists by their id."""

    nodes: Mapping[str, NodeAdvert]
    lines: Mapping[Ends, LineAdvert]
    records: Mapping[str, RecordAdvert]
    lists: Mapping[bytes, RegistryList]


def accepted_registries(advert: NodeAdvert, followed: RegistryList | None) -> frozenset[bytes]:
    """T(n) by its advert and the list that it follows, where that is known: only what the node
    can verify counts of a list, and it says which records it holds."""
    if followed is None:
        return advert.registries
    return advert.registries | (followed.registries & advert.knows_registries)


def _node(advert: NodeAdvert, accepted: frozenset[bytes]) -> Node:
    return Node(
        name=advert.node.hex(),
        accepts=frozenset(r.hex() for r in accepted),
        watches_registry=advert.watches_registry,
        hold_max_us=advert.hold_max_us,
        fees=advert.fees,
        registry_fees={r.hex(): fee for r, fee in advert.registry_fees.items()},
        knows=frozenset(r.hex() for r in advert.knows_registries),
    )


def _line(advert: LineAdvert) -> Line:
    fees = advert.registry_fees
    return Line(
        promisor=advert.promisor.hex(),
        promisee=advert.promisee.hex(),
        brand=advert.brand.guid.hex(),
        available=advert.available,
        fees=advert.fees,
        registry_fees=None if fees is None else {r.hex(): fee for r, fee in fees.items()},
    )
