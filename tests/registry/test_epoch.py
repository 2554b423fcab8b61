"""What a whole registry says about a past that it has closed."""

from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US, SECOND
from proto.certificate import AbortCertificate, verify_abort_certificate
from proto.log_leaf import EPOCH_US, FenceLeaf
from proto.statement import SignedStatement, Statement
from tests.proto.build import make_commit
from tests.registry.serving import commit_item, query_item, serving

pytestmark = pytest.mark.edge

DAY_US = 86_400 * SECOND


async def test_nobody_can_fill_a_registry_with_its_past(tmp_path: Path) -> None:
    """Final answers that every node can verify, by gRPC and HTTP, and not one row for them."""
    async with serving(tmp_path / "r") as served:
        long_ago_us = NOW_US - EPOCH_US - 2 * DAY_US
        old = [served.descriptor(f"{i}", deadline_us=long_ago_us + i) for i in range(20)]
        items = [query_item(d) if i % 2 else commit_item(make_commit(d)) for i, d in enumerate(old)]
        for d, answer in zip(old, await served.decide(*items), strict=True):
            signed = SignedStatement.from_message(answer.final)
            statement = Statement.decode(signed.statement)
            assert FenceLeaf.decode(statement.leaf).closed_through_us >= d.deadline_us
            assert statement.log_origin == f"{served.record.log_origin}/2026"
            certificate = AbortCertificate(d.encode(), (signed,))
            records = {served.record.registry: served.record}
            assert verify_abort_certificate(certificate, records, NOW_US) == d
            assert not answer.HasField("commit")
        recent = served.descriptor("recent", deadline_us=NOW_US - EPOCH_US + 2 * DAY_US)
        (answer,) = await served.decide(query_item(recent))
        assert Statement.decode(answer.final.statement).commit_id == b"", "a refusal of its own"
        (refused,) = await served.announce(old[0])
        assert refused.HasField("final"), "announcing it is answered so as well"
