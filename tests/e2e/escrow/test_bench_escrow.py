"""`pledgeway bench escrow` in real processes, for a moment: what it prints, not how fast it is."""

import json
from pathlib import Path

import pytest

from tests.e2e.houses import typed

pytestmark = pytest.mark.e2e

ASKED = {
    *("escrows_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_escrow", "cpu_ms_by_process"),
    *("letters_per_escrow", "batches_per_escrow", "bytes_per_escrow", "legs", "depth", "fsync"),
    *("tls", "store", "processes", "books_equal"),
}


async def test_three_legs_for_a_moment(directory: Path) -> None:
    place = ("--directory", str(directory))
    done = await typed("bench", "escrow", "--seconds", "2", "--depth", "2", "--json", *place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found.keys() >= ASKED
    assert found["ok"] and found["failed"] == 0 and found["differences"] == []
    assert found["escrows"] > 0 and 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    # What tests/e2e/escrow/counting.py says of a purchase, with one right more.
    assert (found["letters_per_escrow"], found["batches_per_escrow"]) == (16.0, 10.0)
    assert found["bytes_per_escrow"] > 10_000
    assert (found["processes"], found["legs"], found["store"]) == (6, 3, "sqlite")
