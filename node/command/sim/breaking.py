"""Faults as they strike a running world, and how each ends. The plan says when; this says how."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from node.command.sim.plan import EVERYBODY, LIES, Break, Fault
from node.command.sim.world.disk import Death
from node.command.sim.world.host import Host
from node.command.sim.world.wire import Pair
from node.command.sim.world.world import SimWorld

Mend = Callable[[], None]


def strike(world: SimWorld, fault: Break) -> None:
    """The fault begins. What lasts ends by itself after `fault.for_us`."""
    mend = _strike(world, fault)
    if mend is not None:
        world.agenda.after(fault.for_us, mend)


def _strike(world: SimWorld, fault: Break) -> Mend | None:
    if fault.fault in LIES:
        return _start_lying(world, fault)
    if fault.who in world.registries:
        return _strike_registry(world, fault)
    match fault.fault:
        case Fault.DROP | Fault.DOUBLE | Fault.REORDER | Fault.DELAY | Fault.PARTITION:
            return _strike_wires(world, fault)
        case Fault.REGISTRY_CUT:
            road = (fault.who, fault.other)
            world.roads.cut.add(road)
            return lambda: world.roads.cut.discard(road)
        case _:
            return _strike_host(world.hosts[fault.who], fault)


def _start_lying(world: SimWorld, fault: Break) -> Mend:
    host = world.registries.get(fault.who) or world.hosts[fault.who]
    assert host.liar is not None, f"{fault.who} is honest"
    lies = host.liar.lies
    lies[fault.fault] = fault.strength
    return lambda: lies.update({fault.fault: 0})


def _strike_wires(world: SimWorld, fault: Break) -> Mend:
    near = [fault.other]
    if fault.other == EVERYBODY:
        lines = world.spec.lines
        near = [x.other for x in lines if x.one == fault.who]
        near += [x.one for x in lines if x.other == fault.who]
    pairs = [world.pair(fault.who, name) for name in near]
    if fault.fault is Fault.PARTITION:
        for pair in pairs:
            world.wires.cut(*pair)
        return partial(_restore, world, pairs)
    name = {
        Fault.DROP: "drop", Fault.DOUBLE: "double", Fault.REORDER: "swap", Fault.DELAY: "slow_us",
    }[fault.fault]  # fmt: skip
    _set(world, pairs, name, fault.strength)
    return partial(_set, world, pairs, name, 0)


def _set(world: SimWorld, pairs: Sequence[Pair], name: str, value: int) -> None:
    for pair in pairs:
        setattr(world.wires.wire(*pair), name, value)


def _restore(world: SimWorld, pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        world.wires.restore(*pair)


def _strike_host(host: Host, fault: Break) -> Mend | None:
    disk = host.process.disk if host.process is not None else None
    match fault.fault:
        case Fault.CLOCK_SKEW | Fault.CLOCK_JUMP:
            before_us = host.clock.skew_us
            host.clock.skew_us += fault.strength
            return lambda: setattr(host.clock, "skew_us", before_us)
        case Fault.CRASH:
            host.kill()
            return None
    if disk is None:
        return None  # it is down already
    match fault.fault:
        case Fault.CRASH_AT_WRITE:
            when = Death.BEFORE if fault.strength % 2 else Death.AFTER
            disk.doom_at(fault.strength, Death(fault.other) if fault.other else when)
            return None
        case Fault.TORN_WRITE:
            disk.doom_at(fault.strength, Death.TORN)
            return None
        case Fault.CRASH_AT_SEND:
            host.die_at_send(fault.strength)
            return None
        case Fault.FAILED_WRITE:
            disk.failing = sqlite3.SQLITE_IOERR
            return disk.heal
        case Fault.FULL_DISK:
            disk.failing = sqlite3.SQLITE_FULL
            return disk.heal
        case Fault.SLOW_DISK:
            disk.slow = True
            return disk.heal
        case _:
            raise AssertionError(fault)


def _strike_registry(world: SimWorld, fault: Break) -> Mend | None:
    registry = world.registries[fault.who]
    match fault.fault:
        case Fault.REGISTRY_DEAD:
            registry.hold_down(True)
            registry.kill()
            return lambda: registry.hold_down(False)
        case Fault.REGISTRY_SLOW:
            registry.slow_us = fault.strength
            return lambda: setattr(registry, "slow_us", 0)
        case Fault.REGISTRY_SILENT:
            registry.silent = True
            return lambda: setattr(registry, "silent", False)
        case Fault.REGISTRY_CRASH:
            when = (Death.BEFORE, Death.TORN, Death.AFTER)[fault.strength % 3]
            registry.doom_at(fault.strength, Death(fault.other) if fault.other else when)
            return None
        case _:
            raise AssertionError(fault)
