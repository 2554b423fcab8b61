"""What the demo builds: a network file, checked for what one machine can run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from node.config import alias_fault
from pathfinder.network import Line, Network, Node, Policy
from proto.fees import FeeSet, RegistryFee
from proto.modes import Mode

MAX_HOUSES: Final = 30  # a process each: more would not start within a minute on two cores
MAX_REGISTRIES: Final = 8  # processes as well
MAX_HOLD_US: Final = 10**13  # what a node's owner may set, 115 days
MIN_HOLD_US: Final = 1000


class PlanFault(Exception):
    """One line: why this network cannot be run here."""


@dataclass(frozen=True, slots=True)
class CreditLine:
    """Two directions of a network file as the one line that they are.

    `limits[0]` is what the first end may owe the second, `limits[1]` the reverse; `terms` are the
    directions as the file has them, None where it has none.
    """

    ends: tuple[str, str]
    brand: str
    limits: tuple[int, int]
    terms: tuple[Line | None, Line | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """`network` is what every node will know once gossip has gone round."""

    network: Network
    lines: tuple[CreditLine, ...]

    def node(self, name: str) -> Node:
        return next(node for node in self.network.nodes if node.name == name)


def make_plan(network: Network) -> Plan:
    """PlanFault where the network is too large for a demo or empty."""
    if not 2 <= len(network.nodes) <= MAX_HOUSES:
        raise PlanFault(f"nodes: a demo runs 2 to {MAX_HOUSES} of them, not {len(network.nodes)}")
    if len(network.registries) > MAX_REGISTRIES:
        many = len(network.registries)
        raise PlanFault(f"registries: a demo runs at most {MAX_REGISTRIES}, not {many}")
    if not network.lines:
        raise PlanFault("lines: without one nobody can pay")
    for node in network.nodes:
        if fault := alias_fault(node.name):
            raise PlanFault(f"nodes: {node.name!r} {fault}")
    lines = tuple(_credit_lines(network.lines))
    expected = Network(
        registries=tuple(sorted(network.registries)),
        policies=network.policies,
        nodes=tuple(_runnable(node) for node in network.nodes),
        lines=tuple(d for line in lines for d in _directions(line)),
    )
    return Plan(expected, lines)


def _runnable(node: Node) -> Node:
    return replace(node, hold_max_us=min(max(node.hold_max_us, MIN_HOLD_US), MAX_HOLD_US))


def _credit_lines(directions: Iterable[Line]) -> Iterable[CreditLine]:
    by_ends = {(d.promisor, d.promisee, d.brand): d for d in directions}
    for (a, b, brand), there in by_ends.items():
        back = by_ends.get((b, a, brand))
        if back is None or a < b:
            yield CreditLine(
                (a, b), brand, (there.available, back.available if back else 0), (there, back)
            )


def _directions(line: CreditLine) -> Iterable[Line]:
    a, b = line.ends
    for promisor, promisee, limit, terms in (
        (a, b, line.limits[0], line.terms[0]),
        (b, a, line.limits[1], line.terms[1]),
    ):
        fees: FeeSet | None = terms.fees if terms else None
        registry_fees = terms.registry_fees if terms else None
        yield Line(promisor, promisee, line.brand, limit, fees, registry_fees)


def fee_argument(fees: FeeSet) -> dict[str, object]:
    """A fee set as the verb fees.set takes it, modes without a price refused."""
    return {
        mode.name: (
            {"rate": str(fees.fees[mode].rate), "flat": fees.fees[mode].flat}
            if mode in fees.fees
            else None
        )
        for mode in Mode
    }


def registry_fee_argument(fee: RegistryFee) -> dict[str, object]:
    """The fees of one registry as the verb fees.set takes them."""
    return {
        "in_rate": str(fee.in_rate),
        "in_flat": fee.in_flat,
        "out_rate": str(fee.out_rate),
        "out_flat": fee.out_flat,
    }


def policy_argument(policy: Policy, ids: Mapping[str, str]) -> dict[str, object]:
    """A policy as the verb policy.add takes it; `ids` of registries by name, in hex."""
    return {
        "name": policy.name,
        "members": [ids[name] for name in policy.members],
        "qc": policy.qc,
        "qa": policy.qa,
        "f": policy.f,
        "delta_ms": policy.delta_us // 1000,
    }
