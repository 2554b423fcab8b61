"""Directories of nodes and registries that listen on loopback, made and made anew."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from node.command.processes.ports import HOST
from node.command.processes.process import Daemon
from node.config import CONFIG_NAME, NodeConfig, write_config
from node.core.view import MAX_PENDING_COUNT
from node.page_config import NO_PAGE, PageConfig
from proto.record_parts import RecordWitness
from registry.config import Config
from registry.home import HomeFault, create
from runtime.identity import IdentityFault, create_identity

PRIVATE: Final = 0o700

Found = Callable[[Path, str, Iterator[int]], None]


class TownFault(Exception):
    """One line or several: what did not come to stand."""


def found_node(
    home: Path,
    alias: str,
    ports: Iterator[int],
    store: str = "",
    max_pending_count: int = MAX_PENDING_COUNT,
    service: bool = False,
    page: PageConfig = NO_PAGE,
) -> None:
    """Keys and config of a node; `store`, `max_pending_count` and `page` as in its config.
    `service`: it takes part in exchanges and keeps titles. TownFault, NoPort."""
    config = NodeConfig(
        alias,
        f"{HOST}:{next(ports)}",
        store=store,
        max_pending_count=max_pending_count,
        service_listen=f"{HOST}:{next(ports)}" if service else "",
        page=page,
    )
    try:
        home.mkdir(mode=PRIVATE)
        create_identity(home, _now_us(), os.urandom)
        write_config(home / CONFIG_NAME, config)
    except (IdentityFault, OSError) as fault:
        raise TownFault(f"{alias}: {fault}") from fault


def found_registry(
    home: Path,
    name: str,
    ports: Iterator[int],
    witness: RecordWitness | None = None,
    covered: bool = False,
) -> None:
    """Keys, record and config of a registry with one operator. TownFault, NoPort.

    `covered`: no statement leaves it before the witness has cosigned it.
    """
    config = Config(
        name,
        "",
        f"{HOST}:{next(ports)}",
        f"{HOST}:{next(ports)}",
        witnesses=() if witness is None else (witness,),
        witness_quorum=0 if witness is None else 1,
        covered=covered,
    )
    try:
        create(home, config, 1, 1, _now_us(), os.urandom)
    except HomeFault as fault:
        raise TownFault(f"{name}: {fault}") from fault


def found_again(found: Found, daemon: Daemon, ports: Iterator[int]) -> None:
    """On other ports, before its first start: nobody has met it, so its keys may be others."""
    shutil.rmtree(daemon.directory, ignore_errors=True)
    found(daemon.directory, daemon.name, ports)


def _now_us() -> int:
    return time.time_ns() // 1000
