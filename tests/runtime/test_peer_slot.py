"""Who dials, how often, and which of two streams stays."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from proto.keys import NodeId
from runtime.hello import HelloFault
from runtime.link import Link
from runtime.peer_slot import (
    BACKOFF_MAX_S,
    BACKOFF_MIN_S,
    FALLBACK_DIAL_S,
    Backoff,
    PeerSlot,
    dial_delay_s,
)
from runtime.tls import make_tls_identity
from runtime.transport import LinkCause, PeerEndpoint

SMALL, BIG = NodeId(b"\x01" * 32), NodeId(b"\x02" * 32)
ENDPOINT = PeerEndpoint(make_tls_identity(0, 10**15).certificate_der, None)


def on_asyncio(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_the_smaller_id_dials_and_the_other_waits() -> None:
    assert dial_delay_s(SMALL, "a:1", BIG, "b:1") == 0
    assert dial_delay_s(BIG, "b:1", SMALL, "a:1") == FALLBACK_DIAL_S


def test_who_cannot_be_dialled_dials() -> None:
    assert dial_delay_s(BIG, None, SMALL, "a:1") == 0
    assert dial_delay_s(SMALL, "a:1", BIG, None) is None


def test_waits_double_up_to_a_bound_and_start_over() -> None:
    backoff = Backoff(random.Random(1))
    waits = [backoff.next_wait_s() for _ in range(12)]
    ceilings = [min(BACKOFF_MIN_S * 2**n, BACKOFF_MAX_S) for n in range(12)]
    assert all(c / 2 <= w <= c for w, c in zip(waits, ceilings, strict=True))
    backoff.reset()
    assert backoff.next_wait_s() <= BACKOFF_MIN_S


def test_of_two_that_dial_each_other_both_keep_the_smaller_ones_stream() -> None:
    async def work() -> None:
        at_small, at_big = PeerSlot(BIG, ENDPOINT), PeerSlot(SMALL, ENDPOINT)
        mine = await at_small.claim(SMALL, dialled=True)
        theirs = await at_big.claim(BIG, dialled=True)
        assert isinstance(mine, int)
        assert isinstance(theirs, int)
        assert await at_small.claim(SMALL, dialled=False) is HelloFault.SUPERSEDED
        assert isinstance(await at_big.claim(BIG, dialled=False), int)
        assert at_small.holds(mine)
        assert not at_big.holds(theirs)

    on_asyncio(work())


def test_a_dial_yields_to_a_stream_that_the_peer_opened() -> None:
    async def work() -> None:
        slot = PeerSlot(BIG, ENDPOINT)
        taken = await slot.claim(SMALL, dialled=False)
        assert isinstance(taken, int)
        assert await slot.claim(SMALL, dialled=True) is HelloFault.SUPERSEDED
        slot.end_claim(taken)
        slot.up(Link(BIG, 1, None, lambda _: None))  # type: ignore[arg-type]  # never run
        assert await slot.claim(SMALL, dialled=True) is HelloFault.SUPERSEDED

    on_asyncio(work())


def test_a_dial_that_failed_stands_in_nobodys_way() -> None:
    async def work() -> None:
        slot = PeerSlot(BIG, ENDPOINT)
        mine = await slot.claim(SMALL, dialled=True)
        assert isinstance(mine, int)
        slot.end_claim(mine)
        assert isinstance(await slot.claim(SMALL, dialled=False), int)

    on_asyncio(work())


def test_a_stream_that_crossed_ours_is_too_late_for_the_smaller_id_alone() -> None:
    async def work() -> None:
        own = PeerSlot(BIG, ENDPOINT)
        own.up(Link(BIG, 1, None, lambda _: None), dialled=True)  # type: ignore[arg-type]
        assert await own.claim(SMALL, dialled=False) is HelloFault.SUPERSEDED
        other = PeerSlot(SMALL, ENDPOINT)
        link = Link(SMALL, 1, None, lambda _: None)  # type: ignore[arg-type]  # never run
        other.up(link, dialled=True)
        claim = asyncio.create_task(other.claim(BIG, dialled=False))
        await asyncio.sleep(0)
        assert link._stopped.result() is LinkCause.REPLACED
        claim.cancel()

    on_asyncio(work())


def test_a_claim_waits_until_the_node_knows_that_the_last_link_ended() -> None:
    async def work() -> None:
        slot = PeerSlot(BIG, ENDPOINT)
        link = Link(BIG, 1, None, lambda _: None)  # type: ignore[arg-type]  # never run
        slot.up(link)
        claim = asyncio.create_task(slot.claim(SMALL, dialled=False))
        await asyncio.sleep(0)
        assert link._stopped.result() is LinkCause.REPLACED
        slot.down()
        await asyncio.sleep(0)
        assert not claim.done()
        slot.told()
        assert isinstance(await claim, int)

    on_asyncio(work())


def test_no_claim_survives_the_end_of_a_neighbourhood() -> None:
    async def work() -> None:
        slot = PeerSlot(BIG, ENDPOINT)
        claim = await slot.claim(SMALL, dialled=False)
        assert isinstance(claim, int)
        slot.retire()
        assert not slot.holds(claim)
        assert await slot.claim(SMALL, dialled=False) is HelloFault.SUPERSEDED

    on_asyncio(work())
