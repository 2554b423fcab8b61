"""The hand-over between people: what the agent does with a credential, and the buyer with his."""

from collections.abc import Callable

import trio

from node.command.sim.sale.plan import AGENT, BUYER
from node.command.sim.sale.seat import LOOKS_S, P, Seat
from node.core.sale.events import HandOver, RefuseCredential
from node.core.sale.rows import Sale
from node.sale.evidence_log import LogKind, append, head
from node.sale.handover import (
    Unsealable,
    open_credential,
    open_handed_over,
    reseal,
)
from node.sale.handover import key_hash as hash_of_key
from node.sale.handover import sealed_hash as hash_of_sealed
from proto.sale.handover import HandedOver, sign_handed_over
from proto.sale.stakes import SaleRole

RUBBISH = b"not what opens it"


async def hand_over(seat: Seat) -> None:
    """The agent: until T1 is formed, or the time for it is over."""
    if seat.cheats("never-hands-over"):
        return
    while True:
        row = await seat.until(lambda row: row.phase >= P.AGREED)
        if row is None or row.phase is not P.AGREED:
            return
        if not row.credential:
            await trio.sleep(LOOKS_S)
            continue
        await seat.pause()
        if await _try(seat, row):
            return


async def _try(seat: Seat, row: Sale) -> bool:
    """Whether he has handed over, or nothing more comes of it."""
    now_us = seat.host.clock.now_us()
    log = append(seat.sale.id, row.log, LogKind.RECEIVED, row.credential, now_us)
    try:
        given = open_credential(
            row.credential, seat.sale.id, seat.box(), seat.other_box(row, SaleRole.SELLER)
        )
    except Unsealable:
        given = b""
    changed = seat.sale.thing.change(AGENT, given)
    if not changed:
        log = append(seat.sale.id, log, LogKind.REFUSED, row.credential, now_us)
        await seat.want(lambda at_us: RefuseCredential(at_us, seat.sale.id, log))
        return False
    if seat.cheats("keeps-the-thing"):
        return True
    await seat.want(_handed(seat, row, log, changed))
    return True


def _handed(
    seat: Seat, row: Sale, log: tuple[bytes, ...], changed: bytes
) -> Callable[[int], HandOver]:
    """What he hands over; a dishonest one perhaps what opens nothing, or under another key."""
    key = seat.vault.lock_key(seat.sale.id)
    rubbish, other = seat.cheats("hands-rubbish"), seat.cheats("other-key")
    content = RUBBISH if rubbish else changed
    under = seat.entropy(32) if other else key
    now_us = seat.host.clock.now_us()
    sealed = reseal(
        content, seat.sale.id, seat.box(), seat.other_box(row, SaleRole.BUYER), under,
        seat.entropy(32),
    )  # fmt: skip
    log = append(seat.sale.id, log, LogKind.RESEALED, sealed, now_us)
    challenge = seat.vault.challenge(seat.sale.id)
    hashes = hash_of_key(key), hash_of_sealed(sealed), head(seat.sale.id, log)
    said = HandedOver(seat.sale.id, *hashes, challenge)
    statement = sign_handed_over(seat.host.identity.key, said)
    seat.sale.thing.judged[seat.sale.id] = not rubbish and not other
    salts = seat.entropy(32)
    return lambda at_us: HandOver(at_us, seat.sale.id, sealed, statement, log, key, salts)


async def take_over(seat: Seat, row: Sale) -> bytes:
    """The buyer: opens what K opens, and makes the thing his own. His password, or empty."""
    key = await seat.key(row)
    try:
        opened = open_handed_over(
            row.sealed, seat.sale.id, seat.box(), seat.other_box(row, SaleRole.AGENT), key
        )
    except Unsealable:
        return b""
    return seat.sale.thing.change(BUYER, opened)
