"""A primary and its synchronous standby (registry section 5.4): nothing leaves that a failover
could lose, even where the wait for the standby was cancelled."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import trio
from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError

from node.command.sim.cast import NOW_US, R1, SECOND
from proto.descriptor import transaction_uuid
from proto.policy import single
from proto.registry_record import RegistryRecord
from proto.v1 import registry_pb2 as rpb
from registry.decider import Decider
from registry.home import Home, create, load_record
from registry.log import Logged, Query, Subject
from registry.relay_recovery import pages
from registry.store import Ledger, LedgerReader, open_ledger
from registry.tables import decision
from runtime.bridge import Bridge
from runtime.clock import FakeClock, SystemClock
from runtime.rpc_client import RpcChannel, RpcError
from runtime.store import StoreUnusable
from tests.patience import PATIENCE_S
from tests.processes import ready
from tests.proto.build import make_commit
from tests.registry.build import (
    ERROR_US,
    ORIGIN,
    RULES,
    SIGNER,
    TERMS,
    collective,
    commit_shown,
    declinable,
    descriptor,
)
from tests.registry.serving import CONFIG, METHOD, commit_item
from tests.registry.test_replicas import row_of
from tests.standby import Pair, pair

pytestmark = pytest.mark.edge

YEAR: Final = 2026
WAITING: Final = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE wait_event = 'SyncRep' AND application_name = 'pledgeway'"
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with pair() as both:
        yield both


class Replica(threading.Thread):
    """A process's deciding thread: opens the store, is told `go`, does one thing, and ends."""

    def __init__(self, url: str, act: Callable[[Decider], object]) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._act = act
        self._open = threading.Event()
        self._go = threading.Event()
        self.result: object = None
        self.start()

    def opened(self) -> "Replica":
        assert self._open.wait(PATIENCE_S)
        return self

    def run(self) -> None:
        try:
            with open_ledger(self._url) as store, store.engine.connect() as connection:
                ledger = Ledger(connection)
                ledger.claim(R1.id, ORIGIN, store.place)
                decider = Decider(ledger, FakeClock(NOW_US, ERROR_US), TERMS, RULES)
                self._open.set()
                assert self._go.wait(PATIENCE_S)
                self.result = self._act(decider)
        except DBAPIError as error:
            self.result = error

    def go(self) -> "Replica":
        self._go.set()
        return self

    def ended(self) -> object:
        self.go().join(PATIENCE_S)
        assert not self.is_alive()
        return self.result


def commit(s: Subject) -> Callable[[Decider], object]:
    return lambda decider: decider.answer([commit_shown(s)])[0]


def ask(s: Subject) -> Callable[[Decider], object]:
    return lambda decider: decider.answer([Query(s)])[0]


def passed_on(decider: Decider) -> object:
    """What the relay reads in order to tell the other members of it."""
    (page,) = pages(decider._ledger._connection.engine, (0, b""))
    return page[0]


@contextmanager
def standby_down(servers: Pair) -> Iterator[None]:
    servers.stop()
    try:
        yield
    finally:
        servers.start()


def statement(answer: object) -> bytes:
    assert isinstance(answer, Logged), answer
    return SIGNER.statement(answer).statement


def found(url: str) -> list[Logged]:
    """The decisions that anybody can see there, settled or not."""
    engine = create_engine(url)
    with engine.connect() as connection:
        keys = connection.execute(select(decision.c.deadline_us, decision.c.commit_id)).all()
        connection.rollback()
        decided = LedgerReader(connection).find([(row[0], row[1]) for row in keys])
    engine.dispose()
    return list(decided.values())


def test_a_standby_is_not_asked(servers: Pair) -> None:
    url = servers.primary.fresh()
    with open_ledger(url):
        pass
    with (
        pytest.raises(StoreUnusable, match="standby"),
        open_ledger(servers.url_of_standby(url)),
    ):
        pass


def test_a_cancelled_wait_for_the_standby_signs_nothing(servers: Pair) -> None:
    """The server says COMMIT, the row is visible to all, and no standby has it."""
    url, s = servers.primary.fresh(), declinable("cancelled", policy=collective(3))
    first, second = Replica(url, commit(s)).opened(), Replica(url, ask(s)).opened()
    relay = Replica(url, passed_on).opened()
    with standby_down(servers):
        first.go()
        servers.until(WAITING)
        servers.primary.run(f"SELECT pg_cancel_backend(pid) FROM ({WAITING}) AS waiting")
        while not (seen := found(url)):
            pass
        # The first waits once more, by a write of its own; the second will not tell either.
        second.go()
        servers.until(f"SELECT 1 FROM ({WAITING}) AS waiting HAVING count(*) = 2")
        assert first.result is None and second.result is None
        with open_ledger(url) as store, store.engine.connect() as connection:
            reader = LedgerReader(connection)
            assert reader.log_size(YEAR) == 0, "nor does the publisher publish it"
            assert reader.by_uuid(transaction_uuid(s.commit_id).bytes) == []
        relay.go()
        servers.until(f"SELECT 1 FROM ({WAITING}) AS waiting HAVING count(*) = 3")
        assert relay.result is None, "nor is it passed on to the other members"
    told = {statement(replica.ended()) for replica in (first, second, relay)}
    assert told == {statement(seen[0])}


def test_what_a_server_shows_after_its_crash_waits_for_the_standby(servers: Pair) -> None:
    """Its own disk has it, so that after the restart it is simply there."""
    url, s = servers.primary.fresh(), declinable("recovered")
    first = Replica(url, commit(s)).opened()
    with standby_down(servers):
        first.go()
        servers.until(WAITING)
        servers.fail_primary()
        assert isinstance(first.ended(), DBAPIError)
        servers.restart_primary()
        seen = found(url)
        assert [x.row for x in seen] == [row_of("recovered")]
        second = Replica(url, ask(s)).go()
        servers.until(WAITING)
        assert second.result is None
    assert statement(second.ended()) == statement(seen[0])


IMPATIENT: Final = """
import sys
from registry import worker
from registry.__main__ import main
worker.STOP_WITHIN_S = 0.2
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def registry_at(path: Path) -> Iterator[tuple[subprocess.Popen[str], RegistryRecord]]:
    """A whole registry in a process of its own, killed at the end unless it has ended."""
    with ready("-c", IMPATIENT, str(path)) as (process, _):
        yield process, load_record(Home(path).record)


async def told_by(record: RegistryRecord, item: rpb.DecideItem) -> list[rpb.Answer]:
    """Its answers; none where it ends before it has one."""
    async with (
        Bridge.open() as bridge,
        RpcChannel.to_pinned(bridge, record.grpc_target, record.tls_certificate) as channel,
    ):
        request = rpb.DecideRequest(items=[item])
        try:
            answer = await channel.unary(METHOD + "Decide", request, rpb.DecideResponse, PATIENCE_S)
        except RpcError:
            return []
        return list(answer.answers)


async def test_a_stop_does_not_wait_for_standbys_for_ever(servers: Pair, tmp_path: Path) -> None:
    home = Home(tmp_path / "r")
    clock = SystemClock(0)
    config = replace(CONFIG, database=servers.primary.fresh())
    create(home.path, config, 1, 1, clock.now_us(), os.urandom)
    told: list[rpb.Answer] = []
    with registry_at(home.path) as (process, record):
        deadline_us = clock.now_us() + 600 * SECOND
        d = descriptor("a", policy=single(record.registry), deadline_us=deadline_us)
        with standby_down(servers):

            async def submit() -> None:
                told.extend(await told_by(record, commit_item(make_commit(d))))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(submit)
                await trio.to_thread.run_sync(servers.until, WAITING)
                process.send_signal(signal.SIGTERM)
                status = await trio.to_thread.run_sync(process.wait, PATIENCE_S)
            assert process.stderr is not None
            said = process.stderr.read()
    assert (status, told) == (0, [])
    assert "may be decided or not" in said and "Traceback" not in said
    with registry_at(home.path) as (process, record):
        (answer,) = await told_by(record, commit_item(make_commit(d)))
    assert answer.HasField("final"), "whether or not it was there already"


def test_after_a_failover_nothing_contradicts_what_was_told(servers: Pair) -> None:
    """What the lost primary alone had was told to nobody; what was told is there.

    The last test in this file: there is no pair after it.
    """
    told_row, lost = declinable("told"), declinable("lost")
    url = servers.primary.fresh()
    first = Replica(url, commit(lost)).opened()
    told = statement(Replica(url, commit(told_row)).ended())
    servers.stop()
    first.go()
    servers.until(WAITING)
    servers.primary.run(f"SELECT pg_cancel_backend(pid) FROM ({WAITING}) AS waiting")
    while len(found(url)) < 2:
        pass
    servers.fail_primary()
    assert isinstance(first.ended(), DBAPIError), "it was told nothing, and tells nothing"
    servers.start()
    servers.promote()
    promoted = servers.url_of_standby(url)
    assert statement(Replica(promoted, ask(told_row)).ended()) == told
    assert [x.row.leaf.commit_id for x in found(promoted)] == [told_row.commit_id]
    servers.restart_primary()
