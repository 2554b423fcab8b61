"""The node daemon: opens what it needs, in order, and closes it in the reverse one."""

import logging
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import trio

from node.config import CONFIG_NAME, ConfigFault, NodeConfig, read_config
from node.control.context import Context
from node.control.service import Verb, control_service
from node.core.escrow.events import KeepRow
from node.core.rows import Incident, IncidentKind
from node.escrow.registry_answers import ask_registries
from node.escrow.ways import DialledWays, own_calls
from node.loading import claim_books
from node.migrations import MIGRATIONS
from node.page.site import app
from node.people.domains import DomainProofs
from node.people.known_domains import KnownDomains
from node.people.notifying import Notifying
from node.registrar.pool_rows import Pool
from node.registrar.rows import Leg as TitleLeg
from node.registrar.running import Registrar, open_registrar
from node.remote_finder import RemoteFinder, own_facts, read_cards
from node.routing import RouteFinder
from node.store import (
    SCHEMA_VERSION,
    STORE_KIND,
    metadata,
)
from node.wired import WiredNode
from proto.card import NodeCard
from proto.registry_record import RegistryRecord
from proto.sale.contract import read_contract
from runtime.bridge import Bridge
from runtime.clock import SystemClock
from runtime.collector import calm_collector
from runtime.identity import Identity, load_identity
from runtime.open_files import raise_open_files
from runtime.rpc_client import RpcChannel
from runtime.rpc_server import RpcServer
from runtime.store import Store, open_store
from runtime.store_postgresql import ServerStore, open_server_store
from runtime.tls import server_credentials
from runtime.transport import (
    FrameLimits,
    GossipWish,
)
from runtime.transport_grpc import GrpcTransport, TransportConfig
from runtime.web import serve_web
from runtime.web_client import WebClient
from runtime.writer import ThreadWriter

log = logging.getLogger(__name__)

DATABASE: Final = "node.sqlite"
TITLES: Final = "registrar.sqlite"
SOCKET: Final = "control.sock"
STOP_GRACE_S: Final = 0.5
Ready = Callable[[str], None]


def run(
    directory: Path,
    finder: Callable[[], RouteFinder],
    ready: Ready,
    more_verbs: Mapping[str, Verb] | None = None,
) -> None:
    """Runs until SIGTERM, SIGINT or `stop`.

    `ready` is called once with a line that names the addresses. `more_verbs`: what this process
    answers on its control socket beside the ordinary verbs. Raises ConfigFault, IdentityFault,
    StoreUnusable, OSError (an address is taken), DaemonCrash.
    """
    raise_open_files()
    config = read_config(directory / CONFIG_NAME)
    identity = load_identity(directory)
    _check_trusted(config, directory)
    with _open(config, directory) as store:
        claim_books(store.engine, store.place, identity.node)
        daemon = Daemon(directory, config, identity, store)
        trio.run(daemon.serve, finder, ready, more_verbs or {})


def _check_trusted(config: NodeConfig, directory: Path) -> None:
    """Before anything is opened: later nobody would look at a log for it. ConfigFault."""
    try:
        WebClient(config.page.reach(directory))
    except OSError as error:  # ssl.SSLError is one
        cause = f"no certificates can be read from it: {error.strerror}"
        raise ConfigFault(directory / CONFIG_NAME, "page.trusted", cause) from error


def _open(
    config: NodeConfig, directory: Path
) -> AbstractContextManager[Store] | AbstractContextManager[ServerStore]:
    """The books, wherever the owner keeps them."""
    if config.store:
        return open_server_store(config.store, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)
    database = config.data_path(directory) / DATABASE
    return open_store(database, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)


class Daemon(WiredNode):
    """One process of a node, with the store to itself."""

    def __init__(
        self, directory: Path, config: NodeConfig, identity: Identity, store: Store | ServerStore
    ) -> None:
        clock = SystemClock(config.declared_error_us)
        super().__init__(config, identity, store, clock)
        self._directory = directory
        path, now_us = directory / CONFIG_NAME, clock.now_us()
        self._pathfinders = read_cards(path, config.pathfinders, now_us)

    async def serve(
        self,
        make_finder: Callable[[], RouteFinder],
        ready: Ready,
        more_verbs: Mapping[str, Verb],
    ) -> None:
        # Listening for signals comes first: one that arrives while starting is not lost.
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            wish = GossipWish.COMPARED if self._config.gossip else GossipWish.NOTHING
            config = TransportConfig(
                self._identity.key,
                self._identity.tls,
                self._config.listen or None,
                self._awaits_calls_at(),
                FrameLimits(self._config.max_frame_bytes, self._config.max_message_bytes),
                wish,
            )
            async with (
                Bridge.open() as bridge,
                ThreadWriter.open(self._store.engine) as writer,
                GrpcTransport.open(
                    bridge,
                    config,
                    self._clock,
                    self.positions,
                    random.Random(os.urandom(16)),  # only jitter is drawn from it
                ) as transport,
                self._listening(),
                trio.open_nursery() as nursery,
            ):
                finder = self._remote_finder(bridge) or make_finder()
                connect = partial(_pinned, bridge)
                ways = DialledWays(self._identity.node, partial(_dialled, bridge))
                context = self.wire(transport, writer, connect, nursery, finder, ways)
                line = self._ready_line(context, transport.port)
                public = await self._serve_others(bridge, nursery, context, ways)
                line += await nursery.start(self._serve_page, context)
                server = RpcServer(bridge, nursery, [control_service(context, more_verbs)])
                await server.bind_unix(self._directory / SOCKET)
                await server.start()
                try:
                    calm_collector()
                    ready(line)
                    await self._until_stopped(signals, context)
                finally:
                    with trio.CancelScope(shield=True):
                        await server.stop(STOP_GRACE_S)
                        if public is not None:
                            await public.stop(STOP_GRACE_S)
                        await self._leave()
                nursery.cancel_scope.cancel()

    async def _serve_others(
        self, bridge: Bridge, nursery: trio.Nursery, context: Context, ways: DialledWays
    ) -> RpcServer | None:
        """The escrow desk and the registrar; None where the owner wants neither."""
        exchange = context.exchange
        assert exchange is not None
        ways.own_letters = exchange.desk.take
        if not self._config.service_listen:
            return None
        services = [exchange.desk.methods()]
        if self._config.registrar:
            context.registrar = await nursery.start(self._keep_titles, context)
            services.append(context.registrar.service)
            ways.own_registrar = own_calls(context.registrar.service)
        public = RpcServer(bridge, nursery, services)
        address, credentials = self._config.service_listen, server_credentials(self._identity.tls)
        await public.bind_tcp(address, credentials)
        await public.start()
        return public

    async def _serve_page(
        self, context: Context, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The page for people whose accounts this node keeps; what the ready line says of it."""
        page = self._config.page
        if not page.listen:
            task_status.started("")
            return
        over = trio.Event()
        client = WebClient(page.reach(self._directory))
        notifying = Notifying(context, page, client)
        self.on_notice = notifying.say
        domains = DomainProofs(client, context.clock, KnownDomains(context.engine))
        context.confirmations.holds = domains.holds
        async with trio.open_nursery() as nursery:
            nursery.start_soon(notifying.run)
            serve = partial(serve_web, app(context, page), page.listen, over)
            await nursery.start(serve, page.tls(self._directory))
            if page.is_unlimited:
                log.warning("page: nobody is limited behind a proxy: set proxies in [page]")
            task_status.started(f", page {page.origin}")

    async def _keep_titles(
        self, context: Context, task_status: trio.TaskStatus[Registrar] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Runs the registrar until the daemon ends."""
        place = self._config.registrar_store or (self._config.data_path(self._directory) / TITLES)
        async with open_registrar(
            place,
            self._identity.key,
            self._clock,
            lambda: (self._memory.settings.records, self._memory.settings.late_rules),
            partial(ask_registries, self._registries),
            partial(self._claimed, context),
            partial(self._pools_claimed, context),
        ) as registrar:
            task_status.started(registrar)
            await trio.sleep_forever()

    def _claimed(self, context: Context, legs: Sequence[TitleLeg]) -> None:
        """Rights that a dominating commit gives to whom they cannot be given any more."""
        for leg in legs:
            incident = Incident(
                subject=leg.commit + leg.no.to_bytes(2, "big"),
                kind=IncidentKind.CLAIM,
                at_us=self._clock.now_us(),
                peer=self._identity.node,
                amount=leg.amount,
                detail="a right was returned by an abort, given away, and owed by the commit since",
                evidence=leg.certificate,
            )
            context.engine.submit(partial(KeepRow, row=incident))

    def _pools_claimed(self, context: Context, pools: Sequence[Pool]) -> None:
        """Pools of sales of which a dominating commit says otherwise than was done."""
        for pool in pools:
            incident = Incident(
                subject=pool.id,
                kind=IncidentKind.CLAIM,
                at_us=self._clock.now_us(),
                peer=self._identity.node,
                amount=read_contract(pool.contract).pool.total,
                detail="a registry signed both ways about a sale: see `pledgeway registrar pools`",
            )
            context.engine.submit(partial(KeepRow, row=incident))

    def _ready_line(self, context: Context, port: int | None) -> str:
        where = f"listening on port {port}" if port is not None else "dialling only"
        return f"ready: {context.alias} {self._identity.node.hex()} {where}"

    async def _until_stopped(self, signals: object, context: Context) -> None:
        async with trio.open_nursery() as nursery:

            async def by_signal() -> None:
                await anext(signals)  # type: ignore[call-overload]
                context.stop.set()

            async def by_itself() -> None:
                await self._until_over()
                context.stop.set()

            nursery.start_soon(by_signal)
            nursery.start_soon(by_itself)
            await context.stop.wait()
            nursery.cancel_scope.cancel()

    def _remote_finder(self, bridge: Bridge) -> RemoteFinder | None:
        """None where this node searches by itself."""
        if not self._pathfinders:
            return None
        return RemoteFinder(bridge, self._pathfinders, lambda: own_facts(self._memory.settings))

    # -------- what a process that shares the store with others does in its own way (node.shared)

    def _awaits_calls_at(self) -> str | None:
        """An address at which neighbours are given the time to call before they are called."""
        return self._config.public_address or None

    def _listening(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def _until_over(self) -> None:
        """Until the process cannot go on, and has to end of itself."""
        await trio.sleep_forever()

    async def _leave(self) -> None:
        """Before the streams end; there is nothing to give back."""


def socket_path(directory: Path) -> Path:
    """Where the owner's programs reach the daemon of this directory."""
    return directory / SOCKET


def _dialled(bridge: Bridge, card: NodeCard) -> RpcChannel:
    return RpcChannel.to_pinned(bridge, card.service, card.tls_certificate)


def _pinned(bridge: Bridge, record: RegistryRecord) -> RpcChannel:
    return RpcChannel.to_pinned(bridge, record.grpc_target, record.tls_certificate)
