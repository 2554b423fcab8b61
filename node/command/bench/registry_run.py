"""A benchmark of a registry from beginning to end: found, fill, start, load, count."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.bench.machine import machine, versions
from node.command.bench.registry_prefill import Told, prefill
from node.command.bench.registry_result import BATCHED, Outcome, Spell, Wanted
from node.command.bench.registry_spell import Order
from node.command.bench.result import POSTGRESQL
from node.command.bench.server import Server, server
from node.command.processes.founding import TownFault
from node.command.processes.interruption import until_signalled
from node.command.processes.ports import HOST, free_ports
from node.command.processes.process import CHILD, Daemon, Processes, processes
from node.command.processes.town import run_registry_command
from node.command.registry_status import ask_health
from registry.config import Config, read_config
from registry.home import Home, HomeFault, create, load_record

NAME: Final = "registry"
CAPACITY_PER_S: Final = 100_000  # what is announced is no part of this; nothing is to be shed


async def run(wanted: Wanted, directory: Path, told: Told) -> Outcome:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Interrupted, ServerFault, OSError.
    """
    with ExitStack() as stack:
        found = None
        if wanted.store == POSTGRESQL:
            told("starting a PostgreSQL server" if wanted.server is None else "making a database")
            found = stack.enter_context(server(wanted.server, [NAME], wanted.parent))
        running = stack.enter_context(processes())
        return await until_signalled(partial(_measure, wanted, directory, told, running, found))


async def _measure(
    wanted: Wanted, directory: Path, told: Told, running: Processes, server: Server | None
) -> Outcome:
    about = machine(directory)
    daemon = Daemon(NAME, run_registry_command(directory / NAME), directory / NAME)
    _found(daemon.directory, server)
    record = load_record(Home(daemon.directory).record)
    if wanted.rows:
        config = read_config(Home(daemon.directory).config)
        work = partial(prefill, daemon.directory, config, record, wanted.rows, told)
        await trio.to_thread.run_sync(work)
    told("starting the registry")
    await running.start(daemon)
    base = record.archive_url.removesuffix("/commit/%s")
    before = await _decisions(base)
    spells = []
    for mode in wanted.modes:
        told(f"{mode}: signing, warming up, and {wanted.seconds:g} s of load")
        spells.append(await _spell(wanted, mode, daemon, running))
    logged = await _decisions(base) - before
    software = versions() | ({POSTGRESQL: server.version()} if server else {})
    return Outcome(wanted, spells, logged, before, about, software)


def _found(home: Path, server: Server | None) -> None:
    ports = free_ports(Random())
    config = Config(
        NAME, "", f"{HOST}:{next(ports)}", f"{HOST}:{next(ports)}", capacity_per_s=CAPACITY_PER_S
    )
    if server is not None:
        config = replace(config, database=server.database(NAME))
    try:
        create(home, config, 1, 1, time.time_ns() // 1000, os.urandom)
    except HomeFault as fault:
        raise TownFault(f"{NAME}: {fault}") from fault


async def _decisions(base: str) -> int:
    health = await trio.to_thread.run_sync(ask_health, base)
    if health is None:
        raise TownFault(f"{NAME}: does not say how it is at {base}")
    return health.decisions


async def _spell(wanted: Wanted, mode: str, daemon: Daemon, running: Processes) -> Spell:
    """The client is a process of its own: its time is told apart, its load is in nobody's way."""
    order = Order(
        mode=mode,
        directory=str(daemon.directory),
        pid=running.pid(daemon),
        seconds=wanted.seconds,
        at_once=wanted.streams if mode == BATCHED else wanted.in_flight,
        frame=wanted.frame,
        committers=wanted.committers,
    )
    said = daemon.directory.with_name(mode)
    process = _start(order, said)
    running.adopt(mode, process)
    status = await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
    if status:
        words = said.with_suffix(".log").read_text(errors="replace").strip()
        cause = words.removeprefix("pledgeway: ") or f"the client ended with status {status}"
        raise TownFault("\n".join(filter(None, [f"{mode}: {cause}", daemon.last_lines()])))
    found: dict[str, Any] = json.loads(said.read_bytes())
    return Spell(**found)


def _start(order: Order, said: Path) -> subprocess.Popen[bytes]:
    """In the main thread: the kernel takes a child whose thread has ended for an orphan."""
    command = [sys.executable, "-m", CHILD, str(os.getpid()), "bench", "spell", order.encode()]
    with said.open("wb") as out, said.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, process_group=0
        )
