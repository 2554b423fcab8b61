"""The witness daemon: opens what it needs, in order, and closes it in the reverse one."""

import logging
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio

from registry.chrony import ChronyClock
from registry.record import with_port
from registry.witness.config import WitnessConfig, read_config
from registry.witness.cosigning import Cosigner, Pace
from registry.witness.evidence import EvidenceShelf
from registry.witness.following import RecordFollower
from registry.witness.home import (
    WitnessHome,
    cosignature_key,
    load_witness_key,
    read_address,
    write_address,
)
from registry.witness.service import WitnessService
from registry.witness.state import LogState, ShardState, State, Tally
from registry.witness.store import open_witness_store
from registry.witness.trust import TrustedLogs, shard_in
from runtime.address import split_address
from runtime.clock import Clock, SystemClock
from runtime.store import Store
from runtime.web import serve_web

log = logging.getLogger(__name__)

WEB_GRACE_S: Final = 1.0

Ready = Callable[[str], None]
Stop = Callable[[], Awaitable[object]]


def run(path: Path, ready: Ready) -> None:
    """Runs until SIGTERM or SIGINT.

    `ready` is called once with a line that names the address. HomeFault, ConfigFault,
    StoreUnusable, OSError (the address is taken).
    """
    home = WitnessHome(path)
    config = read_config(home.config)
    chrony = config.clock_source == "chrony"
    clock = ChronyClock() if chrony else SystemClock(config.declared_error_us)
    with open_witness_store(path / config.database) as store:
        trio.run(_until_signalled, WitnessDaemon(home, config, clock, store), ready)


async def _until_signalled(daemon: "WitnessDaemon", ready: Ready) -> None:
    # Listening for signals comes first: one that arrives while starting is not lost.
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await daemon.serve(ready, signals.__anext__)


class WitnessDaemon:
    """One witness on an open store. HomeFault where its directory does not serve."""

    def __init__(
        self, home: WitnessHome, config: WitnessConfig, clock: Clock, store: Store
    ) -> None:
        self._home = home
        self._config = config
        self._clock = clock
        key = load_witness_key(home)
        self.key = cosignature_key(config.name, key)
        self._logs = TrustedLogs(home.logs)
        self._shelf = EvidenceShelf(home.evidence)
        self.cosigner = Cosigner(
            store,
            self._logs,
            clock,
            config.max_error_us,
            config.name,
            key,
            self._shelf,
            Pace(config.requests_per_s),
        )

    async def serve(self, ready: Ready, stop: Stop) -> None:
        """Serves until `stop` returns. OSError."""
        follower = RecordFollower(self._home.logs, self._logs)
        app = WitnessService(self.cosigner, self.look, Tally(), follower.doubt).app()
        shutdown, ended = trio.Event(), trio.Event()
        fault: OSError | None = None

        async def web(bind: str, task_status: trio.TaskStatus[list[str]]) -> None:
            await serve_web(app, bind, shutdown, task_status=task_status)
            ended.set()

        async with trio.open_nursery() as nursery:
            if isinstance(self._clock, ChronyClock):
                nursery.start_soon(self._clock.follow)
            nursery.start_soon(follower.run)
            try:
                line = self._publish(await self._start_web(partial(nursery.start, web)))
                ready(line)
                await stop()
                shutdown.set()
                with trio.move_on_after(WEB_GRACE_S):
                    await ended.wait()
            except OSError as found:
                fault = found  # raised below: out of the nursery it would come as a group
            nursery.cancel_scope.cancel()
        if fault is not None:
            raise fault

    def look(self) -> State:
        """How it is. Reads the disk."""
        cosigned, clock = self.cosigner.look()
        shards: dict[str, list[ShardState]] = {}
        for one in cosigned:
            place = shard_in(one.checkpoint.origin)
            assert place is not None, one.checkpoint.origin
            checkpoint = one.checkpoint
            shards.setdefault(place[0], []).append(
                ShardState(checkpoint.origin, checkpoint.size, checkpoint.root, one.seen.time_s)
            )
        logs = tuple(
            LogState(
                trusted.record.registry, trusted.record.name, prefix, tuple(shards.get(prefix, ()))
            )
            for prefix, trusted in sorted(self._logs.all().items())
        )
        evidence = tuple(path.name for path in self._shelf.files())
        return State(
            self._config.name,
            self.key.encode(),
            clock.usable,
            clock.now_us,
            clock.error_us,
            logs,
            evidence,
        )

    async def _start_web(self, start: Callable[[str], Awaitable[list[str]]]) -> list[str]:
        wanted, before = self._config.listen, read_address(self._home)
        again = split_address(before) if before else None
        here = split_address(wanted)
        if before and again and here and here[1] == 0 and again[0] == here[0]:
            try:
                return await start(before)  # so that those who know us find us again
            except OSError:
                log.info("%s is taken, another port is chosen", before)
        return await start(wanted)

    def _publish(self, urls: list[str]) -> str:
        address = with_port(self._config.listen, urlsplit(urls[0]).port or 80)
        write_address(self._home, address)
        url = self._config.public_url or f"http://{address}"
        return f"ready witness={url} key={self.key.encode()}"
