"""Decisions put into a registry's table before it runs: what an index costs shows in a big one."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from node.command.bench.registry_load import DUE_IN_US, SPREAD_US
from proto.commit import evidence_hash
from proto.limits import US
from proto.registry_record import RegistryRecord
from proto.statement import DecisionLeaf, DecisionReason, Outcome
from registry.config import Config
from registry.log import Row
from registry.store import Ledger, open_ledger

AT_ONCE: Final = 4096
DESCRIPTOR_BYTES: Final = 200  # of a single registry and one committer
EVIDENCE_BYTES: Final = 104
PER_SECOND: Final = 10_000  # how close together their deadlines lie: those of a busy registry

Told = Callable[[str], None]


def prefill(home: Path, config: Config, record: RegistryRecord, rows: int, told: Told) -> None:
    """Writes decisions that nobody asked for into a registry that does not run yet.

    Their descriptors and evidence are noise of the true size; nobody is going to ask for them.
    """
    random = Random(os.urandom(32))
    now_us = time.time_ns() // 1000
    path = config.database_in(home)
    with open_ledger(path) as store, store.engine.connect() as connection:
        ledger = Ledger(connection)
        ledger.claim(record.registry, config.log_origin, store.place)
        for start in range(0, rows, AT_ONCE):
            told(f"{start:,} of {rows:,} decisions are in the table")
            count = min(AT_ONCE, rows - start)
            ledger.decide(list(_rows(random, now_us, start, count, rows)), now_us)


def _rows(random: Random, now_us: int, start: int, count: int, rows: int) -> Iterator[Row]:
    # They end where the measured ones begin, which a table ordered by deadline feels.
    first_us = now_us + DUE_IN_US - rows * US // PER_SECOND
    for number in range(start, start + count):
        deadline_us = first_us + number * US // PER_SECOND + random.randrange(SPREAD_US)
        evidence = random.randbytes(EVIDENCE_BYTES)
        leaf = DecisionLeaf(
            commit_id=random.randbytes(32),
            outcome=Outcome.COMMITTED,
            reason=DecisionReason.COMMIT,
            deadline_us=deadline_us,
            limit_us=deadline_us,
            decided_at_us=min(now_us, deadline_us),
            max_error_us=50_000,
            evidence_hash=evidence_hash(evidence),
        )
        yield Row(leaf, leaf.encode(), evidence, random.randbytes(DESCRIPTOR_BYTES))
