"""The path finder in the node's own process: adverts in, routes out, ids translated to names."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import trio

from node.command.route_cache import RouteCache
from node.routing import NoRoute, RouteFinder, RouteFound, RouteHop, RoutePart, RouteQuery
from pathfinder.answer import Route
from pathfinder.answer_json import answer_as_json
from pathfinder.explain import explain
from pathfinder.graph import Graph, Upsert
from pathfinder.network import Line, Network, Node, Policy
from pathfinder.network_file import format_network
from pathfinder.parts import PartsAnswer, find_parts
from pathfinder.question import BadQuestion, RouteQuestion
from pathfinder.search import find_route
from proto.adverts import Advert, LineAdvert, NodeAdvert, RecordAdvert
from proto.fees import RegistryFee
from proto.keys import NodeId
from proto.policy import EMPTY_POLICY, RegistryPolicy, single
from proto.registry_list import RegistryList

# One search at a time: the graph is not shared between threads that run together.
_ONE: Final = 1


class LocalFinder(RouteFinder):
    """A `node.routing.RouteFinder` over `pathfinder`. Names in the graph are ids in hex."""

    def __init__(self) -> None:
        self._graph = Graph()
        self._nodes: dict[str, NodeAdvert] = {}
        self._lines: dict[tuple[str, str, str], LineAdvert] = {}
        self._records: dict[str, RecordAdvert] = {}
        self._lists: dict[bytes, RegistryList] = {}
        self._search = trio.CapacityLimiter(_ONE)
        self._waiting: list[Advert] = []
        self._policies: set[RegistryPolicy] = set()
        self._cache = RouteCache()
        self.searches = 0  # made, and saved by the cache
        self.remembered = 0

    def observe(self, advert: Advert) -> None:
        # A search may be reading the graph in its thread: what comes meanwhile waits.
        self._waiting.append(advert)
        if not self._search.borrowed_tokens:
            self._catch_up()

    def _catch_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        for advert in waiting:
            self._upsert(advert)

    def _upsert(self, advert: Advert) -> None:
        news = {"sequence": advert.sequence, "expires_at_us": advert.expires_at_us}
        old: Advert | None
        match advert:
            case NodeAdvert():
                name = advert.node.hex()
                taken = self._graph.upsert_node(self._node(advert), **news)
                old = self._nodes.get(name)
                if taken is Upsert.APPLIED:
                    self._nodes[name] = advert
            case LineAdvert():
                ends = (advert.promisor.hex(), advert.promisee.hex(), advert.brand.guid.hex())
                taken = self._graph.upsert_line(_line(advert), **news, closed=advert.closed)
                old = self._lines.get(ends)
                if taken is Upsert.APPLIED:
                    self._lines[ends] = advert
            case RecordAdvert():
                name = advert.record.registry.hex()
                taken = self._graph.upsert_registry(name, **news)
                old = self._records.get(name)
                if taken is Upsert.APPLIED:
                    self._records[name] = advert
            case RegistryList():
                old = self._lists.get(advert.id)
                taken = Upsert.APPLIED if old is None or advert.replaces(old) else Upsert.STALE
                if taken is Upsert.APPLIED:
                    self._lists[advert.id] = advert
                    self._read_anew(advert.id)
        if taken is Upsert.APPLIED:
            self._cache.heard(old, advert)

    def _node(self, advert: NodeAdvert) -> Node:
        """As the graph has it: with what stands on the list that the node follows."""
        return _node(advert, self._accepted(advert))

    def _accepted(self, advert: NodeAdvert) -> frozenset[bytes]:
        """T(n). Of a list only what the node can verify: it says which records it holds."""
        followed = self._lists.get(advert.registry_list)
        if followed is None:
            return advert.registries
        return advert.registries | (followed.registries & advert.knows_registries)

    def _read_anew(self, changed: bytes) -> None:
        for advert in self._nodes.values():
            if advert.registry_list == changed:
                self._graph.revise_node(self._node(advert))

    def _forget_lists(self, now_us: int) -> None:
        for gone in [i for i, known in self._lists.items() if known.expires_at_us <= now_us]:
            del self._lists[gone]
            self._read_anew(gone)
            self._cache.clear()

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        known = self.recall(query)
        if known is not None:
            return known
        async with self._search:
            self._catch_up()
            self._forget_lists(query.now_us)
            # Whoever held the search before us may have asked the same.
            known = self.recall(query)
            if known is not None:
                return known
            self._set_policies(query)
            question = _question(query, self._graph)
            self.searches += 1
            search = partial(
                _find,
                self._graph,
                question,
                query.max_parts,
                split_to_save=query.split_to_save,
                unit=query.unit,
            )
            found = await trio.to_thread.run_sync(search)
            if isinstance(found, RouteFound):
                self._cache.put(query, self._until_us(query), found)
            return found

    def recall(self, query: RouteQuery) -> RouteFound | None:
        if self._waiting and self._search.borrowed_tokens:
            return None  # there is news that the graph cannot take yet
        self._catch_up()
        known = self._cache.get(query)
        self.remembered += known is not None
        return known

    def _set_policies(self, query: RouteQuery) -> None:
        """Only what is new: the graph takes every policy that it is told for a new version."""
        for policy in query.candidates:
            if policy not in self._policies and policy != single(policy.members[0]):
                self._policies.add(policy)
                self._graph.set_policy(_policy(policy))
                self._cache.clear()

    def _until_us(self, query: RouteQuery) -> int:
        """When the first advert that a search could rest on expires."""
        expiries = [record.expires_at_us for record in self._records.values()]
        expiries += [known.expires_at_us for known in self._lists.values()]
        graph_until_us = self._graph.until_us(query.now_us)
        return min([graph_until_us, *(e for e in expiries if e > query.now_us)])

    def export(self, now_us: int) -> Mapping[str, Any]:
        names = _names(self._nodes)
        registries = {r: a.record.name or r for r, a in self._records.items()}
        brands = {a.brand.guid.hex(): a.brand.name for a in self._lines.values()}
        network = Network(
            registries=tuple(sorted(registries.values())),
            nodes=tuple(
                _named_node(a, names[n], self._accepted(a), registries)
                for n, a in sorted(self._nodes.items())
                if a.expires_at_us > now_us
            ),
            lines=tuple(
                Line(
                    names[f], names[t], brands[b], a.available, a.fees,
                    _named_fees(a.registry_fees, registries),
                )
                for (f, t, b), a in sorted(self._lines.items())
                if a.expires_at_us > now_us and not a.closed and f in names and t in names
            ),
        )  # fmt: skip
        found: Mapping[str, Any] = json.loads(format_network(network))
        return found

    def size(self) -> tuple[int, int]:
        return len(self._nodes), sum(not a.closed for a in self._lines.values())


def _find(
    graph: Graph,
    question: RouteQuestion,
    max_parts: int = 1,
    *,
    split_to_save: bool = False,
    unit: int = 1,
) -> RouteFound | NoRoute:
    parts = None
    try:
        answer = find_route(graph, question)
        if max_parts > 1 and (answer.route is None or split_to_save):
            parts = find_parts(graph, question, max_parts, unit=unit)
            if parts.routes:
                return _found(parts.routes, parts.exact)
        if answer.route is not None:
            return _found((answer.route,), answer.exact)
        answer = explain(graph, question, answer)
    except BadQuestion as error:
        # Not yet heard of the payee or of a line in this brand: the same as no route, for now.
        text = f"{error.fault.value} {error.subject[:16]} is not known yet"
        reason = {"rule": "NO_PATH", "node": None, "line": None, "figure": 0, "text": text}
        return NoRoute(True, (reason,))
    reasons = tuple(answer_as_json(answer, with_reasons=True)["reasons"])
    if parts is None or all(reason["rule"] == "NO_PATH" for reason in reasons):
        return NoRoute(answer.exact, reasons)
    split = _no_parts(parts, max_parts)
    # Where one line is all there is, the reason of the single chain says the same.
    known = {reason["figure"] for reason in reasons if reason["rule"] == "V10"}
    more = () if split["figure"] in known else (split,)
    return NoRoute(answer.exact and parts.exact, (*reasons, *more))


def _no_parts(parts: PartsAnswer, max_parts: int) -> dict[str, Any]:
    """Why several chains do not help; the form of the other reasons."""
    short, text = 0, f"nor do up to {max_parts} chains together"
    if parts.most is not None and parts.most < parts.amount:
        short = parts.amount - parts.most
        text = f"all lines together carry {parts.most} {parts.brand} at most, {short} too few"
    return {"rule": "PARTS", "node": None, "line": None, "figure": short, "text": text}


def _found(routes: Sequence[Route], exact: bool) -> RouteFound:
    policy = routes[0].policy
    members = tuple(bytes.fromhex(m) for m in policy.members)
    chosen = RegistryPolicy(members, policy.qc, policy.qa, policy.f, policy.delta_us)
    return RouteFound(
        parts=tuple(
            RoutePart(
                tuple(
                    RouteHop(_id(h.promisor), _id(h.promisee), h.level, h.amount)
                    for h in route.hops
                ),
                tuple((_id(name), mode) for name, mode in route.modes),
                route.schedule,
            )
            for route in routes
        ),
        policy=chosen if members else EMPTY_POLICY,
        exact=exact,
    )


def _id(name: str) -> NodeId:
    return NodeId(bytes.fromhex(name))


def _policy(policy: RegistryPolicy) -> Policy:
    members = tuple(m.hex() for m in policy.members)
    name = members[0]
    if policy != single(policy.members[0]):
        # Everything is in the name: two policies of the same members are two candidates. It sorts
        # behind every id: at the same price one registry decides sooner, and holds end sooner.
        figures = (policy.qc, policy.qa, policy.f, policy.delta_us)
        name = f"~{'/'.join(map(str, figures))}/{'+'.join(members)}"
    return Policy(name, members, policy.qc, policy.qa, policy.f, policy.delta_us)


def _question(query: RouteQuery, graph: Graph) -> RouteQuestion:
    named = frozenset(_policy(policy).name for policy in query.candidates)
    learned = {(f.hex(), t.hex()): a for (f, t), a in (query.learned or {}).items()}
    return RouteQuestion(
        payer=query.payer.hex(),
        payee=query.payee.hex(),
        amount=query.amount,
        brand=query.brand.hex(),
        # The graph knows policies of other questions too, and registries that the payer bars.
        policies=named & {policy.name for policy in graph.candidates(query.now_us)},
        accepted=frozenset(_policy(p).terms for p in query.accepted),
        levels=query.levels,
        last_levels=query.last_levels,
        max_hops=query.max_hops,
        max_cost=query.max_cost,
        payee_margin_us=query.payee_margin_us,
        latest_deadline=query.latest_deadline,
        avoid_lines=frozenset((f.hex(), t.hex()) for f, t in query.avoid_lines),
        capacity_overrides=learned,
        now_us=query.now_us,
    )


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


def _names(nodes: Mapping[str, NodeAdvert]) -> dict[str, str]:
    """Aliases where they are unique, else ids: anybody may call himself anything."""
    aliases = [a.alias for a in nodes.values()]
    return {
        n: a.alias if a.alias.strip() and aliases.count(a.alias) == 1 else n
        for n, a in nodes.items()
    }


def _named_fees(
    fees: Mapping[bytes, RegistryFee] | None, registries: Mapping[str, str]
) -> dict[str, RegistryFee] | None:
    if fees is None:
        return None
    return {registries[r.hex()]: fee for r, fee in fees.items() if r.hex() in registries}


def _named_node(
    advert: NodeAdvert, name: str, accepted: frozenset[bytes], registries: Mapping[str, str]
) -> Node:
    return Node(
        name=name,
        accepts=frozenset(registries[r.hex()] for r in accepted if r.hex() in registries),
        watches_registry=advert.watches_registry,
        hold_max_us=advert.hold_max_us,
        fees=advert.fees,
        registry_fees=_named_fees(advert.registry_fees, registries) or {},
    )
