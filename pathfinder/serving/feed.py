"""Signed adverts become the graph that a search runs on (protocol sections 8 and 10).

Names in the graph are ids in hex. Pure; owned by one task, and nobody reads the graph meanwhile.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pathfinder.by_id import policy_of
from pathfinder.core.graph import Graph, Upsert
from pathfinder.network import Line, Node
from proto.adverts import Advert, AdvertKey, FraudAdvert, LineAdvert, NodeAdvert, RecordAdvert
from proto.policy import RegistryPolicy, single
from proto.registry_list import RegistryList
from proto.route import RouteFound

# Collectives that questions have named: the least recently named is forgotten. Strangers may name
# any, and the graph has room for a few more than this.
MAX_POLICIES: Final = 512

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
        self._policies: OrderedDict[RegistryPolicy, str] = OrderedDict()

    def take(self, advert: Advert, signed: bytes = b"") -> tuple[Upsert, Advert | None]:
        """What became of a verified advert, and the one that was known before it."""
        old, taken = self._known(advert), Upsert.STALE
        news = {"sequence": advert.sequence, "expires_at_us": advert.expires_at_us}
        match advert:
            case NodeAdvert():
                taken = self.graph.upsert_node(self._node(advert), **news)
                if taken is Upsert.APPLIED:
                    self._nodes[advert.node.hex()] = advert
            case LineAdvert():
                taken = self.graph.upsert_line(_line(advert), **news, closed=advert.closed)
                if taken is Upsert.APPLIED:
                    self._lines[ends_of(advert)] = advert
            case RecordAdvert():
                name = advert.record.registry.hex()
                taken = self.graph.upsert_registry(name, **news)
                if taken is Upsert.APPLIED:
                    self._records[name] = advert
            case RegistryList():
                known = self._lists.get(advert.id)
                if known is None or advert.replaces(known):
                    taken = Upsert.APPLIED
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
        """T(n), with what stands on the list that it follows."""
        return advert.accepts(self._lists.get(advert.registry_list))

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
        fresh = False
        for policy in candidates:
            if policy in self._policies:
                self._policies.move_to_end(policy)
            elif policy != single(policy.members[0]) and self._knows_all(policy):
                named = policy_of(policy)
                self._policies[policy] = named.name
                self.graph.set_policy(named)
                fresh = True
        while len(self._policies) > MAX_POLICIES:
            _, name = self._policies.popitem(last=False)
            self.graph.forget_candidate(name)
        return fresh

    def _knows_all(self, policy: RegistryPolicy) -> bool:
        """Whether a search could use it at all."""
        return all(member.hex() in self._records for member in policy.members)

    def unknown_policies(self, candidates: tuple[RegistryPolicy, ...]) -> int:
        """How many of them `set_policies` would have to tell the graph of."""
        return sum(
            policy not in self._policies
            and policy != single(policy.members[0])
            and self._knows_all(policy)
            for policy in candidates
        )

    def forget(self, advert: Advert) -> bool:
        """Drops an advert that has expired, or for which its keeper has no room any more: whether
        it was here. A newer one that has come meanwhile stays."""
        if self._known(advert) != advert:
            return False
        self.signed.pop(advert.key, None)
        match advert:
            case NodeAdvert():
                name = advert.node.hex()
                del self._nodes[name]
                self.graph.forget_node(name)
            case LineAdvert():
                ends = ends_of(advert)
                del self._lines[ends]
                self.graph.forget_line(*ends)
            case RecordAdvert():
                name = advert.record.registry.hex()
                del self._records[name]
                self.graph.forget_candidate(name)
            case RegistryList():
                del self._lists[advert.id]
                self._read_anew(advert.id)
        return True

    def _known(self, advert: Advert) -> Advert | None:
        match advert:
            case NodeAdvert():
                return self._nodes.get(advert.node.hex())
            case LineAdvert():
                return self._lines.get(ends_of(advert))
            case RecordAdvert():
                return self._records.get(advert.record.registry.hex())
            case RegistryList():
                return self._lists.get(advert.id)
            case FraudAdvert():
                return None

    def adverts_of(self, found: RouteFound, brand: bytes) -> list[bytes]:
        """The adverts as received of all intermediaries, of the lists that they follow and of their
        lines on a route; of the payee, too, so that it can be called by its name. LookupError where
        one of them came without its bytes."""
        payee = self._nodes[found.hops[-1].promisee.hex()]
        keys: dict[AdvertKey, None] = {payee.key: None}
        for part in found.parts:
            for hop in part.hops[1:]:
                advert = self._nodes[hop.promisor.hex()]
                keys[advert.key] = None
                if advert.registry_list in self._lists:
                    keys[self._lists[advert.registry_list].key] = None
                ends = (hop.promisor.hex(), hop.promisee.hex(), brand.hex())
                keys[self._lines[ends].key] = None
        return [self.signed[key] for key in keys]

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


def ends_of(advert: LineAdvert) -> Ends:
    """The line's name."""
    return advert.promisor.hex(), advert.promisee.hex(), advert.brand.guid.hex()


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
