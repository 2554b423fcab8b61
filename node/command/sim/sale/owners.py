"""What the owners of the four parts do: each as he should, or, where he is dishonest, otherwise.

An honest owner acts on what he can see. Who cheats does it here where it is a matter between people
(what is handed over, what is said of it), and in `crook` where letters and keys are enough.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from node.command.sim.sale.handing import hand_over, take_over
from node.command.sim.sale.plan import AGENT, BUYER, SELLER
from node.command.sim.sale.seat import LOOKS_S, P, Seat
from node.core.sale.bargaining import whose_turn
from node.core.sale.events import (
    Attest,
    BidRule,
    CastVote,
    DeclineDecision,
    EnterSale,
    GiveCredential,
    OpenSale,
    ShowControl,
    SignDecision,
)
from node.core.sale.reading import contract_of, key_of
from node.core.sale.rows import Sale
from node.sale.control_text import Verdict, find_control
from node.sale.drafting import Accepts, draft_rule, draft_vote
from node.sale.entering import entering
from node.sale.handover import seal_credential
from proto.descriptor import commit_id
from proto.sale.handover import ControlProof, control_line, read_handed_over, sign_control
from proto.sale.stakes import Decision, Outcome, SaleRole

D = Decision
TRIES: Final = 3  # of a credential that its agent cannot use
WAITS_PART: Final = 0.55  # of the time for T2: by then somebody who can does what others did not


async def buy(seat: Seat) -> None:
    """The buyer: offers, takes over, shows that he has it, and says how it was."""
    memory = await seat.memory()
    me = entering(memory, seat.host.identity, seat.sale.signed, SaleRole.BUYER)
    tip = 0 if seat.party.slow and seat.sale.number == 1 else 50
    accepts = Accepts((seat.sale.agent,), tip)
    rule = draft_rule(seat.host.identity.key, seat.sale.id, (), me.seed, accepts)
    await seat.want(lambda now_us: OpenSale(now_us, seat.sale.signed, rule, me))
    haggling = await seat.until(
        lambda row: row.phase > P.OFFERED or whose_turn(row) is SaleRole.BUYER
    )
    if haggling is not None and haggling.phase is P.OFFERED and len(haggling.rules) > 1:
        await _bid(seat, haggling)
    row = await seat.until(lambda row: row.phase in (P.LOCKED, P.SPLIT))
    if row is None:
        return
    password = await take_over(seat, row)
    if password and not seat.cheats("never-shows"):
        await _show(seat, row, password)
    if seat.cheats("challenges-falsely"):
        await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.CHALLENGE))
    await _watch_over(seat, row, password)


async def _show(seat: Seat, row: Sale, password: bytes) -> None:
    said = read_handed_over(row.statement, row.agent)
    signed = sign_control(key_of(row.seed, D.LOCK), commit_id(row.lock), said.challenge)
    seat.sale.thing.post(password, control_line(signed))
    await seat.want(lambda now_us: ShowControl(now_us, seat.sale.id, signed))


async def _watch_over(seat: Seat, row: Sale, password: bytes) -> None:
    """Until T2 ends: who has the thing lets the money go in time; who has not objects."""
    begun_us, end_us = seat.host.clock.now_us(), seat.deadline_us(row, D.RELEASE)
    patient_us = begun_us + int((end_us - begun_us) * WAITS_PART)
    while D.RELEASE not in seat.known():
        has_it = bool(password) and seat.sale.thing.opens(password)
        if not has_it and seat.crook is None:
            await _object(seat)
            break
        late = seat.host.clock.now_us() >= patient_us
        if has_it and late and not seat.cheats("keeps-the-money"):
            await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.RELEASE))
            break
        await trio.sleep(LOOKS_S)
    await _vote(seat, success=bool(password) and seat.sale.thing.opens(password))


async def _object(seat: Seat) -> None:
    await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.CHALLENGE))
    if seat.sale.thing.judged.get(seat.sale.id) is False and seat.sale.offer.arbiter_card:
        await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.SLASH))
    await _refund(seat)


async def _refund(seat: Seat) -> None:
    """T3, once T2 is aborted."""
    row = await seat.until(lambda _: D.RELEASE in seat.known())
    if row is not None and seat.known()[D.RELEASE] is Outcome.ABORTED:
        await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.REFUND))


async def _bid(seat: Seat, row: Sale) -> None:
    memory = await seat.memory()
    me, before = None, row.rules
    seed = row.seed
    if not seed:
        me = entering(memory, seat.host.identity, seat.sale.signed, seat.party.role)
        seed = me.seed
    accepts = Accepts((seat.sale.agent,), 50)
    rule = draft_rule(seat.host.identity.key, seat.sale.id, before, seed, accepts)
    await seat.want(lambda now_us: BidRule(now_us, seat.sale.id, rule, me))


async def sell(seat: Seat) -> None:
    """The seller: names whom she accepts, and gives the agent what opens the thing."""
    row = await seat.until(lambda row: whose_turn(row) is SaleRole.SELLER)
    if row is None or row.phase is not P.OFFERED:
        return
    await seat.pause()
    await _bid(seat, row)
    thing = seat.sale.thing
    tries = 0
    while not seat.cheats("gives-nothing"):
        row = await seat.until(
            lambda row: row.phase > P.AGREED or (row.phase is P.AGREED and not row.credential)
        )
        if row is None or row.phase is not P.AGREED or tries >= TRIES:
            break
        tries += 1
        await seat.pause()
        given = b"rubbish" if seat.cheats("gives-rubbish") else thing.password
        sealed = seal_credential(
            given, seat.sale.id, seat.box(), seat.other_box(row, SaleRole.AGENT), seat.entropy(32)
        )
        await seat.want(partial(_giving, sale=seat.sale.id, sealed=sealed))
    if seat.cheats("recalls-early"):
        await seat.until(lambda row: row.phase >= P.LOCKING)
        thing.back(SELLER)
    row = await seat.until(lambda row: row.phase in (P.LOCKED, P.SPLIT))
    if row is None:
        return
    if seat.cheats("recalls"):
        thing.back(SELLER)
    if seat.cheats("concedes"):
        await seat.want(lambda now_us: DeclineDecision(now_us, seat.sale.id))
    await _vote(seat, success=seat.crook is None)


def _giving(now_us: int, sale: bytes, sealed: bytes) -> GiveCredential:
    return GiveCredential(now_us, sale, sealed)


async def judge(seat: Seat) -> None:
    """The agent: checks and changes what is given, hands it over, and says what came of it."""
    await _enter(seat)
    await hand_over(seat)
    row = await seat.until(lambda row: row.phase in (P.LOCKED, P.SPLIT))
    if row is None:
        return
    if seat.cheats("attests-falsely"):
        await seat.want(lambda now_us: Attest(now_us, seat.sale.id))
    if seat.cheats("never-attests"):
        return
    begun_us, end_us = seat.host.clock.now_us(), seat.deadline_us(row, D.RELEASE)
    patient_us = begun_us + int((end_us - begun_us) * WAITS_PART)
    while seat.row is not None and D.DELIVERED not in seat.known():
        if (proof := _found(seat, row)) or seat.host.clock.now_us() >= patient_us:
            break
        await trio.sleep(LOOKS_S)
    if proof or _delivered(seat):
        await seat.want(lambda now_us: Attest(now_us, seat.sale.id, proof))
        await _stand_by(seat, row)
    else:
        await seat.want(lambda now_us: DeclineDecision(now_us, seat.sale.id))
        await _refund(seat)


def _found(seat: Seat, row: Sale) -> bytes:
    said = read_handed_over(row.statement, row.agent)
    (key,) = contract_of(row).party(SaleRole.BUYER).keys_for(D.LOCK)
    wanted = ControlProof(commit_id(row.lock), said.challenge, key)
    page = "\n".join(seat.sale.thing.page).encode()
    found = find_control(page, wanted)
    return found.signed if found.verdict is Verdict.FOUND else b""


def _delivered(seat: Seat) -> bool:
    """What a look at the thing shows: nobody but the buyer or the agent himself has changed it."""
    return seat.sale.thing.controller in (BUYER, AGENT)


async def _stand_by(seat: Seat, row: Sale) -> None:
    """He has attested: where he is challenged, and stands by it, he signs T2 in spite of it."""
    end_us = seat.deadline_us(row, D.RELEASE)
    while D.RELEASE not in seat.known() and seat.host.clock.now_us() < end_us:
        if seat.known().get(D.CHALLENGE) is Outcome.COMMITTED:
            if _delivered(seat):
                await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.RELEASE))
            else:
                await _refund(seat)
            return
        await trio.sleep(LOOKS_S)
    if not _delivered(seat):
        await _refund(seat)


async def arbitrate(seat: Seat) -> None:
    """The arbiter: takes the bond of an agent whose own words convict him."""
    await _enter(seat)
    row = await seat.until(lambda row: row.phase in (P.LOCKED, P.SPLIT))
    if row is None:
        return
    await seat.pause()
    if seat.sale.thing.judged.get(seat.sale.id) is False or seat.cheats("slashes-falsely"):
        await seat.want(lambda now_us: SignDecision(now_us, seat.sale.id, D.SLASH))


async def _enter(seat: Seat) -> None:
    row = await seat.until(lambda row: row.phase >= P.ASKED)
    if row is None or row.seed:
        return
    await seat.pause()
    memory = await seat.memory()
    me = entering(memory, seat.host.identity, seat.sale.signed, seat.party.role)
    await seat.want(lambda now_us: EnterSale(now_us, seat.sale.id, me))


async def _vote(seat: Seat, success: bool) -> None:
    row = await seat.until(lambda row: row.phase is P.SPLIT and not row.vote)
    if row is None or seat.cheats("never-votes"):
        return
    await seat.pause()
    row = seat.row
    if row is None or row.phase is not P.SPLIT:
        return
    memory = await seat.memory()
    vote = draft_vote(seat.host.identity.key, memory, row, success, seat.entropy)
    await seat.want(lambda now_us: CastVote(now_us, seat.sale.id, vote))


DUTIES: Final[dict[SaleRole, Callable[[Seat], Awaitable[None]]]] = {
    SaleRole.BUYER: buy,
    SaleRole.SELLER: sell,
    SaleRole.AGENT: judge,
    SaleRole.ARBITER: arbitrate,
}
"""What the owner of each part does."""
