"""Ties the oracle and the trace to a running world: whatever happens there, both hear of it."""

from collections.abc import Iterable, Sequence
from functools import partial

from node.command.sim.oracle.oracle import Oracle
from node.command.sim.oracle.speech import unheard, unremembered
from node.command.sim.oracle.troubles import FOR_EVER, Place, wire
from node.command.sim.plan import EVERYBODY, LIES, Break, Fault
from node.command.sim.trace import Trace
from node.command.sim.world.clock import elapsed_us
from node.command.sim.world.host import Host
from node.command.sim.world.registry_host import RegistryHost
from node.command.sim.world.world import SimWorld
from node.core.rows import Row
from proto.keys import NodeId
from registry.log import Logged
from runtime.transport import BatchArrived, LinkCause, LinkEvent


def watch(world: SimWorld, trace: Trace, liars: frozenset[str], *, calm: bool) -> Oracle:
    """An oracle that hears of every row, frame and decision from now on. `calm`: nothing will go
    wrong."""
    oracle = Oracle(
        specs={node.name: node for node in world.spec.nodes},
        names=dict(world.names),
        registry_ids={name: host.id for name, host in world.registries.items()},
        now_us=elapsed_us,
        own_clock=lambda name: world.hosts[name].clock.now_us(),
        liars=liars,
        calm=calm,
    )
    for host in world.hosts.values():
        oracle.committed(host.name, host.context.engine.memory.rows.values())

    def committed(name: str, rows: Iterable[Row]) -> None:
        rows = list(rows)
        for row in rows:
            trace.row(elapsed_us(), name, row)
        oracle.committed(name, rows)

    def decided(name: str, decisions: Sequence[Logged]) -> None:
        for logged in decisions:
            leaf = logged.row.leaf
            what = (leaf.commit_id.hex(), leaf.outcome.name)
            trace.note(elapsed_us(), name, *what)
        oracle.decided(name, decisions)

    def overheard(sender: NodeId, receiver: NodeId, event: LinkEvent) -> None:
        names = world.names[sender], world.names[receiver]
        trace.frame(elapsed_us(), *names, event)
        if isinstance(event, BatchArrived) and names[0] not in oracle.liars:
            fault = unremembered(world.hosts[names[0]].database, receiver, event)
            if fault is not None:
                oracle.complain(names[0], [(3, fault)])

    def dropped(node: NodeId, peer: NodeId, cause: LinkCause) -> None:
        oracle.dropped(world.names[node], world.names[peer], cause)

    world.on_commit, world.on_decided, world.wires.overheard = committed, decided, overheard
    world.wires.dropped = dropped
    for registry in world.registries.values():
        if registry.liar is not None:
            registry.liar.on_told = partial(oracle.decisions.told, registry.id)
    _watch_lives(world, oracle)
    return oracle


def _watch_lives(world: SimWorld, oracle: Oracle) -> None:
    def died(place: Place) -> None:
        oracle.troubles.begins(place, elapsed_us())

    def began(place: Place) -> None:
        oracle.troubles.ends(place, elapsed_us())
        if place[0] == "node":
            # Its last group may have become durable without anybody having been told.
            known = oracle.books[place[1]].rows
            rows = world.rows(place[1])
            oracle.committed(place[1], [r for k, r in rows.items() if known.get(k) != r])

    lives: list[tuple[str, Host | RegistryHost]] = [
        *(("node", host) for host in world.hosts.values()),
        *(("registry", host) for host in world.registries.values()),
    ]
    for kind, host in lives:
        place = kind, host.name
        world.on_life(host, partial(died, place), partial(began, place))


def note_trouble(oracle: Oracle, world: SimWorld, fault: Break) -> None:
    """The oracle knows what was in trouble when: some losses are excused by that."""
    troubles, now_us = oracle.troubles, elapsed_us()
    match fault.fault:
        case Fault.DROP | Fault.DOUBLE | Fault.REORDER | Fault.DELAY | Fault.PARTITION:
            place = wire(fault.who, fault.other)
            if fault.other == EVERYBODY:
                place = ("node", fault.who)
        case Fault.REGISTRY_CUT:
            place = ("road", fault.who, fault.other)
        case _ if fault.who in world.registries:
            place = ("registry", fault.who)
        case _:
            place = ("node", fault.who)
    # What was said falsely stays said.
    troubles.during(place, now_us, FOR_EVER if fault.fault in LIES else fault.for_us)


def require_stored(world: SimWorld, oracle: Oracle) -> None:
    """What memory believes is what the disk has."""
    for name, host in world.hosts.items():
        if host.process is None or name in oracle.liars:
            continue
        problem = host.differs()
        if problem:
            oracle.complain(name, [(3, problem)])


def require_heard(world: SimWorld, oracle: Oracle) -> None:
    """Messages have drained: what one has said, the other has heard (sections 8 and 9)."""
    for line in world.spec.lines:
        for names in ((line.one, line.other), (line.other, line.one)):
            if oracle.liars.isdisjoint(names):
                one, other = (world.hosts[name] for name in names)
                left = unheard((one.database, one.id), (other.database, other.id))
                if left:
                    oracle.complain(names[0], [(8, f"{names[1]} has not heard {left} messages")])
