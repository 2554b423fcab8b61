"""Everything that publishes a registry's log, opened around a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from proto.log_leaf import EPOCH_US
from proto.registry_record import RegistryRecord
from registry.config import Config
from registry.home import Home, Keys
from registry.publishing.coverage import Coverage
from registry.publishing.history import open_history
from registry.publishing.plan import LogPlan
from registry.publishing.prover import Prover
from registry.publishing.release import Release
from registry.publishing.running import Publishing
from registry.store import LedgerReader
from runtime.clock import Clock

HISTORY_FILE: Final = "checkpoints.sqlite"
APART: Final = 4  # of MMD: checkpoints of the past need not lie closer than this part of it


@dataclass(frozen=True, slots=True)
class OpenLog:
    """The running publisher, and the last step of every answer."""

    publishing: Publishing
    release: Release


def plan_of(home: Home, place: str, config: Config, record: RegistryRecord, keys: Keys) -> LogPlan:
    """What is published out of a registry's directory, whose database is at `place`."""
    return LogPlan(
        folder=home.log,
        database=place,
        prefix=config.log_origin,
        key_at=keys.log_at,
        known_keys=tuple(certificate.key for certificate in record.log_keys),
        witnesses=config.witnesses,
        quorum=config.witness_quorum,
        mmd_us=config.mmd_us,
        farthest_us=config.max_deadline_us,
        epoch_us=EPOCH_US,
    )


@asynccontextmanager
async def open_log(
    plan: LogPlan, home: Home, engine: Engine, clock: Clock, *, covered: bool
) -> AsyncIterator[OpenLog]:
    """StoreUnusable where the history cannot be opened; DaemonCrash as Publishing says."""
    # Registry 8: without a fresh cosigned checkpoint for MMD/2 nothing is decided.
    coverage = Coverage(clock, plan.mmd_us // 2 if plan.quorum else None)
    with open_history(home.path / HISTORY_FILE, plan.mmd_us // APART) as history:
        async with Publishing.open(plan, engine, LedgerReader, history, coverage, clock) as running:
            yield OpenLog(running, Release(running, Prover(plan, history), covered=covered))
