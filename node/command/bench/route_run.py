"""Runs a benchmark of the path finder in this process and thread."""

import cProfile
import gc
import os
import resource
import sys
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import Final

from node.command.bench.machine import computer, versions
from node.command.bench.resident import resident_bytes
from node.command.bench.route_load import Load, load
from node.command.bench.route_result import Asked, Built, Checked, Outcome, Wanted
from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.core.plain import PlainSearch
from pathfinder.core.search import Guide, find_route, setting_of
from pathfinder.files.network_file import read_network
from pathfinder.network import Network, busiest_brand
from pathfinder.plans.alternatives import find_alternatives
from pathfinder.plans.parts import find_parts
from pathfinder.question import RouteQuestion
from pathfinder.synthetic import Shape, synthetic_network, with_small_lines
from proto.limits import MAX_AMOUNT

LIBRARIES: Final = ("networkx", "numpy", "scipy")
SHOWN_EVERY: Final = 16  # questions, so that showing how far it is costs nothing
MOST_DIFFERENCES: Final = 20  # told; more say the same

Tell = Callable[[str], None]
"""How far it is, for a person who waits; "" wipes it."""


class NoLoad(Exception):
    """There is no network to ask about, or nothing to ask; its text says why."""


def run(wanted: Wanted, tell: Tell) -> Outcome:
    """Makes or reads the network, asks, and checks. Raises NetworkFileError, NoLoad, and
    OSError where the profile cannot be written."""
    rng = Random(wanted.seed)
    began = perf_counter()
    network = _network(wanted, rng, tell)
    network_s = perf_counter() - began
    brand = wanted.brand or busiest_brand(network)
    if brand is None or not any(line.brand == brand for line in network.lines):
        raise NoLoad("there are no lines" if brand is None else f"no line in brand {brand}")
    if wanted.small:
        network = with_small_lines(network, wanted.small, wanted.amounts[0], rng)
    asking = load(network, brand, wanted.payer, wanted.queries, wanted.amounts, rng, wanted.warm_up)
    plain = PlainSearch(network, brand) if wanted.check else None
    tell("building the graph")
    began = perf_counter()
    graph = Graph.from_network(network)
    setting_of(graph, asking.questions[0])
    build_s = perf_counter() - began
    policies = len(network.registries) + len(network.policies)
    size = len(network.nodes), len(network.lines)
    built = Built(*size, brand, policies, network_s, build_s)
    del network  # a daemon that hears of it by gossip does not keep it twice
    return _measured(wanted, built, graph, asking, plain, tell)


def _network(wanted: Wanted, rng: Random, tell: Tell) -> Network:
    if wanted.file is not None:
        tell(f"reading {wanted.file}")
        return read_network(wanted.file)
    tell(f"making a network of {wanted.nodes:,} nodes and {wanted.lines:,} lines")
    shape = Shape(wanted.registries, wanted.collectives)
    try:
        return synthetic_network(wanted.nodes, wanted.lines, rng, shape)
    except ValueError as error:
        raise NoLoad(str(error)) from error


def _measured(
    wanted: Wanted,
    built: Built,
    graph: Graph,
    asking: Load,
    plain: PlainSearch | None,
    tell: Tell,
) -> Outcome:
    guides = () if wanted.guide is None else (Guide(wanted.guide),)
    began = perf_counter()
    for i, question in enumerate(asking.warm_up):
        tell(f"warming up: {i} of {len(asking.warm_up)}")
        _ask(graph, question, wanted, guides)
    warm_s = perf_counter() - began
    collections = _collections()
    profile = cProfile.Profile() if wanted.profile else None
    asked = []
    for i, question in enumerate(asking.questions):
        if i % SHOWN_EVERY == 0:
            tell(f"asking: {i:,} of {len(asking.questions):,}")
        if profile:
            profile.enable()
        answer = _ask(graph, question, wanted, guides)
        if profile:
            profile.disable()
        asked.append(answer)
    collections = _collections() - collections
    if profile:
        profile.dump_stats(str(wanted.profile))
    peak_bytes, resident = _peak_bytes(), resident_bytes(os.getpid())
    checked = None if plain is None else _checked(plain, asked[: wanted.check], tell)
    return Outcome(
        wanted=wanted,
        built=built,
        asked=asked,
        warm_up=len(asking.warm_up),
        warm_s=warm_s,
        peak_bytes=peak_bytes,
        resident_bytes=resident,
        collections=collections,
        checked=checked,
        machine=computer(),
        versions=versions(LIBRARIES),
    )


def _ask(graph: Graph, question: RouteQuestion, wanted: Wanted, guides: Sequence[Guide]) -> Asked:
    labels = None
    routes: tuple[Route, ...]
    began = perf_counter()
    if wanted.alternatives:
        beside = find_alternatives(graph, question, wanted.alternatives)
        ms = 1000 * (perf_counter() - began)
        first = beside.first
        routes, exact = (first.route,) if first.route else (), beside.exact
    elif wanted.parts > 1:
        split = find_parts(graph, question, wanted.parts)
        ms = 1000 * (perf_counter() - began)
        routes, exact = split.routes, split.exact
    else:
        answer = find_route(graph, question, guides=guides)
        ms = 1000 * (perf_counter() - began)
        routes, exact = (answer.route,) if answer.route else (), answer.exact
        labels = answer.labels
    hops = max((len(route.hops) for route in routes), default=0)
    cost = sum(route.cost for route in routes) if routes else None
    ends = question.payer, question.payee
    return Asked(*ends, question.amount, ms, cost, exact, hops, labels)


def _checked(plain: PlainSearch, asked: Sequence[Asked], tell: Tell) -> Checked:
    agreed = undecided = 0
    differences = []
    for i, answer in enumerate(asked):
        tell(f"checking: {i} of {len(asked)}")
        most = MAX_AMOUNT if answer.cost is None else answer.cost
        other = plain.cheapest(answer.payer, answer.payee, answer.amount, most)
        if not other.decided:
            undecided += 1
        elif other.cost == answer.cost:
            agreed += 1
        else:
            differences.append(
                f"{answer.payer} to {answer.payee}, {answer.amount}: {_cost(answer.cost)}"
                f" {'' if answer.exact else '(not exact) '}and {_cost(other.cost)}"
            )
    return Checked(len(asked), agreed, undecided, tuple(differences[:MOST_DIFFERENCES]))


def _cost(cost: int | None) -> str:
    return "no chain" if cost is None else str(cost)


def _collections() -> int:
    return int(gc.get_stats()[-1]["collections"])


def _peak_bytes() -> int:
    """The most that this process has had in memory. KiB on Linux, bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
