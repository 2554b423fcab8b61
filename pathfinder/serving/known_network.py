"""What a path finder knows, as the entries of a network file and as names that people know."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Final

from pathfinder.answer_json import answer_as_json
from pathfinder.by_id import policy_of
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.explain import explain
from pathfinder.files.network_file import line_json, node_json, policy_json
from pathfinder.files.network_names import Names, names_of
from pathfinder.files.network_parse import MAX_HOLD_MS
from pathfinder.network import Line, Node, Policy, name_fault
from pathfinder.question import BadQuestion, Fault, RouteQuestion
from pathfinder.serving.feed import Tables
from proto.adverts import LineAdvert, NodeAdvert, RecordAdvert
from proto.fees import RegistryFee
from proto.limits import US
from proto.network_view import BadAsk, Known, RouteAsk, Viewpoint
from proto.policy import RegistryPolicy

MAX_BRANDS: Final = 8  # that an error names
# A sequence between these is the time at which the advert was signed, as our own nodes number them.
_FIRST_TIME_US: Final = 1_577_836_800 * US  # 2020
_AHEAD_US: Final = 86_400 * US
# Ids as they stand in a text: of nodes and registries, brands, and policies (`policy_of`).
_IDS: Final = re.compile(r"~\d+(?:/\d+){3}/[0-9a-f+]+|[0-9a-f]{64}|\b[0-9a-f]{32}\b")

_ARGUMENT: Final = {
    Fault.AMOUNT: "amount",
    Fault.MAX_HOPS: "max_hops",
    Fault.PAYER_UNKNOWN: "from",
    Fault.PAYEE_UNKNOWN: "to",
    Fault.PAYS_ITSELF: "to",
    Fault.BRAND_MISSING: "brand",
    Fault.BRAND_UNKNOWN: "brand",
    Fault.POLICY_UNKNOWN: "registries",
}
_CAUSE: Final = {
    Fault.PAYER_UNKNOWN: "{} has not been heard of, or its advert has expired",
    Fault.PAYEE_UNKNOWN: "{} has not been heard of, or its advert has expired",
    Fault.PAYS_ITSELF: "{} cannot pay itself",
    Fault.BRAND_MISSING: "there are several brands, name one of {}",
    Fault.BRAND_UNKNOWN: "no line in brand {}",
    Fault.POLICY_UNKNOWN: "registry or policy {} is not known, or its record has expired",
}


class Snapshot:
    """Adverts as they were at one moment, and who looks at them then. Nothing of it changes, so it
    may be read on any thread; what takes long is found out when it is first asked for."""

    def __init__(self, view: Viewpoint, tables: Tables) -> None:
        self.view = view
        self.tables = tables

    @cached_property
    def nodes(self) -> dict[str, NodeAdvert]:
        """Those in force."""
        return {n: a for n, a in self.tables.nodes.items() if a.expires_at_us > self.view.now_us}

    @cached_property
    def lines(self) -> list[LineAdvert]:
        """Those in force between nodes that are."""
        return [
            a
            for (promisor, promisee, _), a in self.tables.lines.items()
            if a.expires_at_us > self.view.now_us
            and not a.closed
            and promisor in self.nodes
            and promisee in self.nodes
        ]

    @cached_property
    def records(self) -> dict[str, RecordAdvert]:
        """Those in force."""
        return {r: a for r, a in self.tables.records.items() if a.expires_at_us > self.view.now_us}

    @cached_property
    def names(self) -> Names:
        return names_of(self.view, self.nodes.values(), self.records.values(), self.lines)

    @cached_property
    def policies(self) -> dict[str, RegistryPolicy]:
        """The viewer's own, as far as their members' records are known."""
        return {
            name: policy
            for name, policy in self.view.policies.items()
            if not name_fault(name) and all(m.hex() in self.records for m in policy.members)
        }

    def accepted(self, advert: NodeAdvert) -> frozenset[bytes]:
        """T(n): its registries, and of the list that it follows those it can verify."""
        return advert.accepts(self.tables.lists.get(advert.registry_list))

    # ------------------------------------------------------------------ as a network file

    def entries(self) -> Iterator[Known]:
        """All of it, sorted as people would look for it."""
        names = self.names
        for registry, name in sorted(names.registries.items(), key=lambda item: item[1]):
            yield Known("registries", name, dict, self._about_record(registry))
        for name, policy in sorted(self.policies.items()):
            yield Known("policies", name, partial(self._policy, name, policy), dict)
        for node, name in sorted(names.nodes.items(), key=lambda item: item[1]):
            advert = self.nodes[node]
            yield Known("nodes", name, partial(self._node, name, advert), self._about_node(advert))
        for ends, line in sorted(((self._ends(a), a) for a in self.lines), key=lambda x: x[0]):
            yield Known("lines", "", partial(self._line, ends, line), self._about_line(line), ends)

    def _ends(self, advert: LineAdvert) -> tuple[str, str, str]:
        names = self.names
        promisor, promisee = advert.promisor.hex(), advert.promisee.hex()
        return names.nodes[promisor], names.nodes[promisee], names.brands[advert.brand.guid.hex()]

    def _policy(self, name: str, policy: RegistryPolicy) -> Mapping[str, Any]:
        members = sorted(self.names.registries[m.hex()] for m in policy.members)
        return policy_json(
            Policy(name, tuple(members), policy.qc, policy.qa, policy.f, policy.delta_us)
        )

    def _node(self, name: str, advert: NodeAdvert) -> Mapping[str, Any]:
        registries = self.names.registries
        accepts = (r.hex() for r in self.accepted(advert))
        return node_json(
            Node(
                name=name,
                accepts=frozenset(registries[r] for r in accepts if r in registries),
                watches_registry=advert.watches_registry,
                # A node may say any number; a file knows no hold of more than a year.
                hold_max_us=min(advert.hold_max_us, MAX_HOLD_MS * 1000),
                fees=advert.fees,
                registry_fees=self._fees(advert.registry_fees),
            )
        )

    def _line(self, ends: tuple[str, str, str], advert: LineAdvert) -> Mapping[str, Any]:
        fees = advert.registry_fees
        own = None if fees is None else self._fees(fees)
        return line_json(Line(*ends, advert.available, advert.fees, own))

    def _fees(self, fees: Mapping[bytes, RegistryFee]) -> dict[str, RegistryFee]:
        registries = self.names.registries
        return {registries[r.hex()]: fee for r, fee in fees.items() if r.hex() in registries}

    # ------------------------------------------------------------------ what a file does not say

    def _about_record(self, registry: str) -> Callable[[], Mapping[str, Any]]:
        until_us = self.records[registry].expires_at_us
        return lambda: {"id": registry, "said_us": None, "expires_at_us": until_us}

    def _about_node(self, advert: NodeAdvert) -> Callable[[], Mapping[str, Any]]:
        return lambda: {
            "id": advert.node.hex(),
            "alias": advert.alias,
            "address": advert.address,
            "said_us": self._said_us(advert.sequence),
            "expires_at_us": advert.expires_at_us,
        }

    def _about_line(self, advert: LineAdvert) -> Callable[[], Mapping[str, Any]]:
        return lambda: {
            "from_id": advert.promisor.hex(),
            "to_id": advert.promisee.hex(),
            "brand_id": advert.brand.guid.hex(),
            "said_us": self._said_us(advert.sequence),
            "expires_at_us": advert.expires_at_us,
        }

    def _said_us(self, sequence: int) -> int | None:
        ours = _FIRST_TIME_US <= sequence <= self.view.now_us + _AHEAD_US
        return sequence if ours else None

    # ------------------------------------------------------------------ questions and answers

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What the nodes call themselves, by id."""
        return {n: a.alias for n, a in self.nodes.items()}

    def name_of(self, given: str) -> str:
        """The name that stands for the node that somebody means. BadAsk."""
        return self.names.nodes[self.names.node(given, "node", self.aliases)]

    def question(self, asked: RouteAsk) -> RouteQuestion:
        """The question between ids. BadAsk."""
        names, aliases = self.names, self.aliases
        brand = self._brand(asked)
        own = {name: policy_of(policy).name for name, policy in self.policies.items()}
        policies = frozenset(self.records) | frozenset(own.values())
        if asked.registries is not None:
            policies = frozenset(
                own.get(given) or names.registry(given, "registries") for given in asked.registries
            )
        avoid = frozenset(names.node(given, "avoid", aliases) for given in asked.avoid)
        learned = asked.learned.get(bytes.fromhex(brand), {}) if brand else {}
        return RouteQuestion(
            payer=names.node(asked.payer, "from", aliases),
            payee=names.node(asked.payee, "to", aliases),
            amount=asked.amount,
            brand=brand,
            policies=policies,
            last_levels=asked.last_levels,
            max_hops=asked.max_hops,
            max_cost=asked.max_cost,
            max_risk=asked.max_risk,
            avoid_nodes=avoid,
            capacity_overrides={(f.hex(), t.hex()): room for (f, t), room in learned.items()},
            now_us=self.view.now_us,
        )

    def _brand(self, asked: RouteAsk) -> str | None:
        """The only one; where there are several and the viewer's own lines are in one, that."""
        brands = self.names.brands
        if asked.brand is not None:
            return self.names.brand(asked.brand, "brand")
        if len(brands) == 1:
            return next(iter(brands))
        if len(self.view.brands) == 1:
            (own,) = self.view.brands
            return own.hex() if own.hex() in brands else None
        return None

    def bad(self, error: BadQuestion) -> BadAsk:
        """The same complaint in the words of the person who asked."""
        subject = self.named(error.subject)
        if error.fault is Fault.BRAND_MISSING:
            brands = sorted(self.names.brands.values())
            more = f" and {len(brands) - MAX_BRANDS} more" if len(brands) > MAX_BRANDS else ""
            subject = ", ".join(brands[:MAX_BRANDS]) + more
        cause = _CAUSE.get(error.fault, "{}").format(subject)
        return BadAsk(_ARGUMENT[error.fault], cause)

    def named(self, value: Any) -> Any:
        """The same JSON with names instead of ids, in its keys and texts too."""
        if isinstance(value, str):
            return _IDS.sub(lambda match: self._name(match.group()), value)
        if isinstance(value, Mapping):
            return {self.named(key): self.named(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.named(one) for one in value]
        return value

    def _name(self, identity: str) -> str:
        names = self.names
        if identity.startswith("~"):
            return self._policy_names.get(identity, identity)
        # A registry's id and a node's are hashes and keys: never the same.
        known = names.nodes.get(identity) or names.registries.get(identity)
        return known or names.brands.get(identity) or identity

    @cached_property
    def _policy_names(self) -> dict[str, str]:
        return {policy_of(policy).name: name for name, policy in self.policies.items()}


def ask(graph: Graph, snapshot: Snapshot, asked: RouteAsk) -> Mapping[str, Any]:
    """The answer of `KnownNetwork.ask`. The graph knows at least what the snapshot does. BadAsk."""
    question = snapshot.question(asked)
    try:
        answer = find_route(graph, question)
        if asked.explain or not answer.found:
            answer = explain(graph, question, answer)
    except BadQuestion as error:
        raise snapshot.bad(error) from error
    named = {"from": question.payer, "to": question.payee, "brand": answer.brand}
    return {
        "answer": snapshot.named(answer_as_json(answer, with_reasons=asked.explain)),
        "asked": snapshot.named(named),
    }
