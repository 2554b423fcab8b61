"""Three witnesses on loopback, which know the log."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.registry.publishing.running import LOG
from tests.registry.publishing.witnesses import Loopback, open_loopback
from tests.registry.witness.cases import record_of


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[list[Loopback]]:
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_loopback(tmp_path / f"w{i}", f"witness.example/{i}"))
            for i in range(3)
        ]
        for witness in opened:
            witness.accept(record_of(LOG))
        yield opened
