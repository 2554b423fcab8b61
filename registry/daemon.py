"""The registry daemon: opens what it needs, in order, and closes it in the reverse one."""

import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio

from proto.keys import KeyPurpose
from proto.log_leaf import KeyLeaf
from proto.registry_record import NEVER, RegistryRecord, read_record
from registry.calendar import Calendar
from registry.chrony import ChronyClock
from registry.config import Config, read_config
from registry.decider import Decider
from registry.desk import Desk, spread
from registry.examine import Examiner
from registry.examine_frames import Employer
from registry.examine_pool import ExaminerPool
from registry.health import HealthCheck
from registry.home import (
    DAY_US,
    Home,
    HomeFault,
    load_keys,
    load_record,
    load_root_keys,
    require_threshold,
    write_public,
)
from registry.hub import Hub
from registry.keyring import ONLINE_PURPOSES
from registry.log import Logged, Terms
from registry.log_pages import LogPages
from registry.meter import Meter
from registry.publishing.opening import OpenLog, open_log, plan_of
from registry.quota import Quota
from registry.record import (
    content_of,
    fill_record,
    needs_renewal,
    same_content,
    signed_record,
    with_port,
)
from registry.relay_links import Relay
from registry.relay_members import Members
from registry.replicas import follow
from registry.service import RegistryService
from registry.signer import Signer
from registry.store import Key, Ledger, open_ledger
from registry.store_opening import LedgerStore
from registry.sweeper import sweep_for_ever
from registry.timing import ClockRules
from registry.web.site import Site
from registry.worker import DecisionWorker, MakeDecider
from runtime.address import require_free, split_address
from runtime.bridge import Bridge
from runtime.buckets import Buckets
from runtime.clock import Clock, SystemClock
from runtime.collector import calm_collector
from runtime.open_files import raise_open_files
from runtime.rpc_client import RpcChannel
from runtime.rpc_server import RpcServer
from runtime.schema import StoreUnusable
from runtime.store_postgresql import ServerStore
from runtime.tls import server_credentials
from runtime.web import serve_web

log = logging.getLogger(__name__)

# Three threads share one interpreter. At Python's 5 ms the one that is back from the disk waits for
# its turn many times as long as it was away; below this every tenth of the time goes on turns.
TURN_S: Final = 0.002
STOP_GRACE_S: Final = 0.5  # a decision takes milliseconds; watchers come back by themselves
WEB_GRACE_S: Final = 1.0
WITNESS_GRACE_S: Final = 3.0  # then it serves what it has decided, and waits with the rest
WARN_KEY_US: Final = 30 * DAY_US  # time for operators to meet
KEYS_EVERY_S: Final = 1.0  # a new key's life begins a day before anybody must use it

Ready = Callable[[str], None]
Stop = Callable[[], Awaitable[object]]


def run(path: Path, ready: Ready) -> None:
    """Runs until SIGTERM or SIGINT.

    `ready` is called once with a line that names the addresses. HomeFault, ConfigFault,
    StoreUnusable, OSError (an address is taken), DaemonCrash.
    """
    raise_open_files()
    sys.setswitchinterval(TURN_S)
    home = Home(path)
    config = read_config(home.config)
    chrony = config.clock_source == "chrony"
    clock = ChronyClock() if chrony else SystemClock(config.declared_error_us)
    with open_ledger(config.database_in(path)) as store:
        trio.run(_until_signalled, Daemon(home, config, clock, store), ready)


async def _until_signalled(daemon: "Daemon", ready: Ready) -> None:
    # Listening for signals comes first: one that arrives while starting is not lost.
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with Bridge.open() as bridge:
            await daemon.serve(bridge, ready, signals.__anext__)


class Daemon:
    """One registry on an open store. HomeFault, StoreUnusable where they do not fit."""

    def __init__(self, home: Home, config: Config, clock: Clock, store: LedgerStore) -> None:
        self._home = home
        self._config = config
        self._clock = clock
        self._store = store
        self.record = load_record(home.record)
        self._keys = load_keys(home, self.record, clock.now_us())
        self._members = Members(home, self.record.registry)
        self._record_stamp = 0  # of its file, when it was looked at last
        self._hub = Hub()
        self._calendar = Calendar(config.capacity_per_s)
        with store.engine.connect() as connection:
            ledger = Ledger(connection)
            ledger.claim(self.record.registry, config.log_origin, store.place)
            self._meter = Meter({shard: ledger.log_size(shard) for shard in ledger.shards()})

    async def serve(self, bridge: Bridge, ready: Ready, stop: Stop) -> None:
        """Serves until `stop` returns. OSError, HomeFault, StoreUnusable, DaemonCrash."""
        fault: Exception | None = None
        relay = self._relay()

        def tell(decisions: Sequence[Logged]) -> None:
            spread(self._hub, self._calendar, decisions)
            relay.decided(decisions)
            self._meter.decided(decisions)
            opened.publishing.entered(decisions)

        async with (
            self._pool() as pool,
            self._open_log() as opened,
            DecisionWorker.open(self._store.engine, self._decider(opened), tell) as worker,
            trio.open_nursery() as nursery,
        ):
            if isinstance(self._clock, ChronyClock):
                nursery.start_soon(self._clock.follow)
            nursery.start_soon(
                sweep_for_ever, self._calendar, self._clock, self._config.guard_us, worker.answer
            )
            if isinstance(self._store, ServerStore):
                nursery.start_soon(follow, self._store.engine, self._heard)
            try:
                # A database that was set back is noticed before anybody is answered, if it can be.
                await opened.publishing.confirmed(WITNESS_GRACE_S)
                nursery.start_soon(relay.run, partial(_connect, bridge))
                desk = self._desk(worker, pool, opened)
                site = self._site(desk, opened, relay)
                async with self._serving(desk, site, bridge, nursery) as line:
                    calm_collector()
                    ready(line)
                    with trio.CancelScope() as until_revoked:
                        nursery.start_soon(self._follow_keys, desk, relay, until_revoked)
                        await opened.publishing.while_sound(stop)
                    if until_revoked.cancelled_caught:
                        raise HomeFault(f"{self._home.record}: revokes the key in use; start again")
            except (OSError, HomeFault, StoreUnusable) as found:
                fault = found  # raised below: out of the nursery it would come as a group
            nursery.cancel_scope.cancel()
        if fault is not None:
            raise fault

    def _heard(self, keys: Sequence[Key]) -> None:
        """Another process has decided these, or we have."""
        for deadline_us, commit_id in keys:
            self._calendar.release(deadline_us, commit_id)
            self._hub.ring(commit_id)

    @asynccontextmanager
    async def _serving(
        self, desk: Desk, site: Site, bridge: Bridge, nursery: trio.Nursery
    ) -> AsyncIterator[str]:
        """Both servers around a block; gives the line that says where they listen."""
        service = RegistryService(desk, self._hub, self._signed_record, self._examiner())
        server = RpcServer(bridge, nursery, [service.methods()])
        shutdown, web_ended = trio.Event(), trio.Event()

        async def web(bind: str, task_status: trio.TaskStatus[list[str]]) -> None:
            await serve_web(site.app(), bind, shutdown, task_status=task_status)
            web_ended.set()

        try:
            port = await self._bind(server)
            urls = await self._start_web(partial(nursery.start, web))
            line = self._publish(port, urls[0])
            await server.start()
            yield line
        finally:
            shutdown.set()
            await server.stop(STOP_GRACE_S)
            with trio.move_on_after(WEB_GRACE_S):
                await web_ended.wait()

    async def _bind(self, server: RpcServer) -> int:
        credentials = server_credentials(self._keys.tls)
        for address in self._addresses(self._config.listen, self.record.grpc_target):
            try:
                require_free(address)
                return await server.bind_tcp(address, credentials)
            except OSError:
                log.info("%s is taken, another port is chosen", address)
        require_free(self._config.listen)
        return await server.bind_tcp(self._config.listen, credentials)

    async def _start_web(self, start: Callable[[str], Awaitable[list[str]]]) -> list[str]:
        recorded = urlsplit(self.record.archive_url).netloc
        for address in self._addresses(self._config.archive, recorded):
            try:
                require_free(address)
                return await start(address)
            except OSError:
                log.info("%s is taken, another port is chosen", address)
        require_free(self._config.archive)
        return await start(self._config.archive)

    def _addresses(self, configured: str, recorded: str) -> list[str]:
        """With port 0: where we listened before, so that a restart keeps its clients."""
        wanted, before = split_address(configured), split_address(recorded)
        if wanted and before and wanted[1] == 0 and before[0] == wanted[0] and before[1] != 0:
            return [recorded]
        return []

    def _publish(self, port: int, url: str) -> str:
        """Brings the record in line with where we listen. HomeFault without enough root keys."""
        listen = with_port(self._config.listen, port)
        archive = with_port(self._config.archive, urlsplit(url).port or 80)
        known = content_of(self.record.signed)
        wanted = fill_record(known, self._config, listen, archive)
        now_us = self._clock.now_us()
        roots = load_root_keys(self._home)
        if not same_content(known, wanted):
            require_threshold(roots, self.record, f"{self._home.config}: differs from the record")
            self._replace_record(signed_record(wanted, now_us, roots))
        elif needs_renewal(known, now_us):
            try:
                require_threshold(roots, self.record, f"{self._home.record}: expires soon")
                self._replace_record(signed_record(wanted, now_us, roots))
            except HomeFault as fault:
                log.warning("%s", fault)  # decisions stay valid; the operator has time to renew
        return f"ready grpc={listen} archive=http://{archive} registry={self.record.registry.hex()}"

    def _replace_record(self, data: bytes) -> None:
        self.record = read_record(data)
        write_public(self._home.record, data)

    def _signed_record(self) -> bytes:
        return self.record.signed

    def _open_log(self) -> AbstractAsyncContextManager[OpenLog]:
        place = self._store.place
        plan = plan_of(self._home, place, self._config, self.record, self._keys)
        engine, covered = self._store.engine, self._config.covered
        return open_log(plan, self._home, engine, self._clock, covered=covered)

    def _desk(self, worker: DecisionWorker, pool: ExaminerPool, opened: OpenLog) -> Desk:
        engine = self._store.engine
        config = self._config
        buckets = Buckets(config.network_per_s, config.network_burst, config.exempt_networks)
        quota = Quota(buckets, self._calendar)
        examiner, signer = self._examiner(), self._signer()
        calendar, release = self._calendar, opened.release
        return Desk(worker, engine, examiner, signer, calendar, pool, quota, release, self._meter)

    def _pool(self) -> AbstractAsyncContextManager[ExaminerPool]:
        return ExaminerPool.open(self._employer, self._clock.now_us, self._config.examiners)

    def _employer(self) -> Employer:
        # An engine's own URL lacks the options of its sessions, the schema among them.
        place = self._config.database_in(self._home.path)
        url = self._store.engine.url.render_as_string(hide_password=False)
        database = place if isinstance(place, str) else url
        records = tuple(record.signed for record in self._members.records.values())
        return Employer(self.record.registry, database, records)

    def _site(self, desk: Desk, opened: OpenLog, relay: Relay) -> Site:
        health = self._health(desk, opened, relay)
        engine = self._store.engine
        pages = LogPages.of(self._home.log, self._clock).routes()
        return Site(desk, engine, self._clock, lambda: self.record, health, self._meter, pages)

    def _examiner(self) -> Examiner:
        return Examiner(self.record.registry, self._members.records, self._clock.now_us)

    def _signer(self) -> Signer:
        key = self._keys.statement_at(self._clock.now_us())
        return Signer(self.record.registry, self._config.log_origin, key)

    async def _follow_keys(self, desk: Desk, relay: Relay, until_revoked: trio.CancelScope) -> None:
        """A key whose time begins signs from then on; it was logged when we started."""
        while True:
            if self._is_revoked(desk.signer.key.public):
                until_revoked.cancel()  # what it signed from now on would be void everywhere
                return
            signer = self._signer()
            if signer.key.public != desk.signer.key.public:
                log.warning("statements are signed by key %s from now on", signer.key.public.hex())
                desk.signer = relay.signer = signer
            await trio.sleep(KEYS_EVERY_S)

    def _is_revoked(self, key: bytes) -> bool:
        """Whether the operators have ended it in a record that came into force meanwhile."""
        try:
            stamp = self._home.record.stat().st_mtime_ns
        except FileNotFoundError:
            return False  # on its way from one place to another
        if stamp == self._record_stamp:
            return False
        self._record_stamp = stamp
        try:
            record = load_record(self._home.record)
        except HomeFault as fault:
            log.warning("%s; the record of the start is served", fault)
            return False
        return record.replaces(self.record) and record.revoked_from_us(key) != NEVER

    def _relay(self) -> Relay:
        return Relay(
            self._members,
            self._examiner(),
            self._signer(),
            self._clock,
            self._store.engine,
            self._config.guard_us,
        )

    def _decider(self, opened: OpenLog) -> MakeDecider:
        config, stalled = self._config, opened.publishing.coverage.stalled
        terms = Terms(
            self.record.registry, config.guard_us, config.min_lead_us, config.max_deadline_us
        )
        # Before the first statement: whoever replays a log finds the key before its use.
        leaves = [KeyLeaf(certificate).encode() for certificate in self._keys.to_log]

        def make(ledger: Ledger) -> Decider:
            ledger.certify(leaves, self._clock.now_us())
            return Decider(ledger, self._clock, terms, self._rules(), stalled)

        return make

    def _rules(self) -> ClockRules:
        now_us = self._clock.now_us()
        for purpose in ONLINE_PURPOSES:
            left_us = self._keys.ring.covered_until_us(purpose, now_us) - now_us
            if left_us < WARN_KEY_US:
                key, days = purpose.name.lower(), left_us // DAY_US
                log.warning("the %s key ends in %d days: `registry keys rotate`", key, days)
        until_us = self._keys.ring.covered_until_us(KeyPurpose.STATEMENT, now_us)
        return ClockRules(self._config.max_error_us, self._keys.begins_us, until_us)

    def _health(self, desk: Desk, opened: OpenLog, relay: Relay) -> HealthCheck:
        return HealthCheck(
            record=lambda: self.record,
            store=self._store,
            log_folder=self._home.log,
            clock=self._clock,
            rules=self._rules(),
            calendar=self._calendar,
            queue=lambda: desk.queue,
            stalled=opened.publishing.coverage.stalled,
            silent_s=lambda: desk.silent_s,
            cosigned_at_us=lambda: opened.publishing.cosigned_at_us,
            relayed=relay.waiting_for,
        )


def _connect(bridge: Bridge, member: RegistryRecord) -> RpcChannel:
    return RpcChannel.to_pinned(bridge, member.grpc_target, member.tls_certificate)
