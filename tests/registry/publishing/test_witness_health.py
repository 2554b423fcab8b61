"""What the health of a running registry says of witnesses that do not keep up."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import SECOND
from proto.limits import US
from registry.health_json import read_health
from tests.proto.build import make_commit
from tests.registry.publishing.test_witnessed_daemon import with_proof, witnessed
from tests.registry.publishing.witnesses import open_loopback
from tests.registry.serving import Serving, commit_item, id_item

pytestmark = pytest.mark.edge

NAMES = ("witness.example/swift", "witness.example/gone")
LOOK_AGAIN_S = 0.01


async def seen_us(served: Serving) -> dict[str, int]:
    """By witness: its newest cosignature, as everybody is told."""
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        found = read_health((await http.get("/health")).content)
    assert found is not None
    return {witness.name: witness.at_us for witness in found.witnesses}


async def test_whoever_misses_the_newest_checkpoint_is_not_said_never_to_have_cosigned(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        places = [(tmp_path / f"w{i}", name) for i, name in enumerate(NAMES)]
        witnesses = [stack.enter_context(open_loopback(*place)) for place in places]
        async with witnessed(tmp_path / "r", witnesses, witness_quorum=1) as served:
            first_us = await seen_us(served)
            while not all(first_us.values()):
                await trio.sleep(LOOK_AGAIN_S)
                first_us = await seen_us(served)
            witnesses[1].down = True
            witnesses[0].clock.advance(5 * SECOND)
            commit = make_commit(served.descriptor("a"))
            await served.decide(commit_item(commit))
            await with_proof(served, id_item(commit.commit_id))
            now_us = await seen_us(served)
            assert now_us[NAMES[0]] >= first_us[NAMES[0]] + 5 * US
            assert now_us[NAMES[1]] == first_us[NAMES[1]], "when it last did"
