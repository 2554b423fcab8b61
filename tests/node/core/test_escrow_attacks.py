"""What strangers, parties and time do to an exchange, and that nobody stops or loses by it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.core.escrow.events import LetterCame, RegistrarSaid
from node.core.escrow.posting import UNSETTLED_AFTER_US
from node.core.escrow.reading import hold_of, source_of
from node.core.escrow.rows import Account, Deal, DealPhase, LetterKind
from node.core.escrow.rows import Step as Batch
from node.core.events import Due, LearnCertificate
from node.core.rows import Incident
from node.escrow.judging import Judge
from proto.descriptor import Descriptor, decode_descriptor
from proto.escrow.letters import (
    Body,
    Dossier,
    Fix,
    Give,
    Given,
    Invite,
    Join,
    LegAccept,
    LegsAccepted,
    Letter,
    Share,
    decode_letter,
    encode_letter,
    sign_letter,
)
from proto.escrow.ops import RegistrarError
from proto.escrow.proposal import kept_proposal, read_proposal, sign_proposal
from proto.escrow.reasons import EscrowReason
from proto.money import common_brand
from tests.node.core.escrow_table import Party, Table, aborted, card_of, node_of, swap


def fixed(coordinator: str = "") -> Table:
    table = swap(coordinator)
    table.propose()
    table.carry(Invite)
    table.join()
    table.carry(Join)
    return table


def come(party: Party, sender: str, body: Body, fault: EscrowReason = EscrowReason.NONE) -> None:
    """A letter of anybody's."""
    words = Letter(node_of(sender), node_of(party.name), party.now_us, body)
    payload = encode_letter(words)
    signed = sign_letter(signing_key(sender), payload)
    party.take(LetterCame(party.now_us, words, payload, digest("s"), signed, fault))


def test_a_card_whose_keys_have_run_out_stops_nobody() -> None:
    """Whoever proposes dates his proposal as he likes: its cards were good on that day."""
    table = swap()
    proposal = replace(table.proposal, initiator_card=card_of("ann", NOW_US + SECOND))
    signed = sign_proposal(signing_key("ann"), proposal)
    bob = table.parties["bob"]
    bob.now_us += 2 * SECOND
    come(bob, "ann", Invite(signed, "second"), EscrowReason.PROPOSAL_INVALID)
    (refusal,) = bob.waiting()
    assert refusal.receiver == node_of("ann")


def secrets_of(table: Table, party: Party) -> list[bytes]:
    seats = [seat for seat in party.seats(table.id) if seat.seed]
    found = [
        secret for row in party.memory.owned(Account) for secret in (row.capability, row.terms)
    ]
    return found + [
        make(seat.seed, no) for seat in seats for no in (1, 2) for make in (hold_of, source_of)
    ]


def test_what_the_operator_is_to_show_others_holds_no_capability() -> None:
    """The batch that settles also empties our hold, and names our account by its capability."""
    table = fixed()
    table.carry(Fix)
    table.carry(bend=lambda body: None if isinstance(body, Share) else body)
    table.abort()
    for party in table.parties.values():
        batches = [row for row in party.waiting() if row.kind is LetterKind.BATCH]
        first, second = [row for row in batches if row.step is Batch.COLLECT]
        party.take(RegistrarSaid(party.now_us, first.id, RegistrarError.LOCKED))
        party.now_us += UNSETTLED_AFTER_US
        party.take(Due(party.now_us, second.key))  # type: ignore[arg-type]
        shown = party.memory.owned(Incident)
        assert len(shown) == 2 and all(row.evidence for row in shown)
        for secret in secrets_of(table, party):
            assert not any(secret in row.evidence for row in shown)


def test_a_stranger_sends_nobody_s_right_nowhere() -> None:
    """A hop of a money leg knows the commit_id. Its word to give would be taken for the first and
    only one, towards a hold that nobody makes: the coordinator's would come too late."""
    table = fixed()
    table.carry(Fix)
    commit = table.deal.commit
    for name in table.seats:
        seat = table.seat(name)
        no = table.plan.seats[0].gives[0] if name == "first" else table.plan.seats[1].gives[0]
        come(table.at(name), "mallory", Give(commit, seat.seat, (LegAccept(no, hold=b"x" * 32),)))
        assert not any(table.seat(name).given)
    table.carry()
    assert table.deal.phase is DealPhase.DECIDING and table.deal.because is EscrowReason.NONE


def test_a_dossier_that_its_template_does_not_cover_is_not_taken() -> None:
    table = fixed("carol")
    dossiers = [
        decode_letter(row.payload).body
        for row in table.parties["ann"].waiting()
        if row.kind is LetterKind.LETTER
    ]
    (dossier,) = [body for body in dossiers if isinstance(body, Dossier)]
    carol = table.parties["carol"]
    come(carol, "ann", dossier, EscrowReason.PROPOSAL_INVALID)
    assert carol.memory.owned(Deal) == []
    come(carol, "ann", dossier)
    assert len(carol.memory.owned(Deal)) == 1


def test_a_receiver_says_where_in_the_way_of_its_leg() -> None:
    """A payment request where a right is to arrive: its giver would be asked for what cannot be,
    and would be the one that is blamed."""
    table = fixed()
    table.carry(Fix)

    def bend(body: Body) -> Body:
        if isinstance(body, LegsAccepted) and body.seat == "second":
            return replace(body, legs=tuple(LegAccept(x.no, request=b"r") for x in body.legs))
        return body

    table.carry(bend=bend)
    assert table.deal.phase is DealPhase.JOINED
    table.parties["ann"].now_us = table.deal.due_at_us
    table.parties["ann"].take(Due(table.deal.due_at_us, table.deal.key))  # type: ignore[arg-type]
    assert table.deal.blamed == "second"
    assert not any(isinstance(row, Given) for row in table.parties["bob"].waiting())


def test_proposals_that_would_never_expire_are_not_kept() -> None:
    """Seats that wait for their owner are counted, and go when their proposal expires."""
    table = swap()
    far = replace(table.proposal, expires_at_us=2**62)
    signed = sign_proposal(signing_key("ann"), far)
    assert read_proposal(signed).expires_at_us == 2**62
    bob = table.parties["bob"]
    come(bob, "ann", Invite(signed, "second"))
    assert bob.seats(read_proposal(signed).id) == []


class NoKey:
    """An identity that may not be asked to sign."""

    node = node_of("bob")

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def test_a_stranger_makes_a_seat_sign_no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each money leg that a Fix names would be a signature, 32 of them two hundred times a
    second."""
    usd = common_brand("USD").guid.hex()
    table = Table("gift", {"giver": "ann", "receiver": "bob"}, {"brand": usd, "amount": 40}, ())
    table.propose()
    table.carry(Invite)
    table.join()
    table.carry(Join)
    rows = (row for row in table.parties["ann"].waiting() if row.kind is LetterKind.LETTER)
    words = [decode_letter(row.payload) for row in rows]
    fix = next(w for w in words if isinstance(w.body, Fix) and w.body.seat == "receiver")
    judge = Judge(table.parties["bob"].memory, NoKey(), "bob", bytes)  # type: ignore[arg-type]
    mallory = replace(fix, sender=node_of("mallory"))
    monkeypatch.setattr(Judge, "_brand", lambda *_: common_brand("USD"))
    assert judge.judged(NOW_US, mallory, b"").requests == ()
    with pytest.raises(AssertionError):
        judge.judged(NOW_US, fix, b"")


def test_a_row_is_read_without_verifying_its_signatures_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap's proposal has fifteen of them; 300 exchanges at once read theirs for every letter."""
    table = swap()
    table.propose()
    ann = table.parties["ann"]
    letters = ann.waiting()

    def never(*_: object) -> bool:
        pytest.fail("verifies a signature")

    monkeypatch.setattr("proto.envelope.Proof.proves", never)
    kept_proposal.cache_clear()
    ann.now_us += SECOND
    for letter in letters:
        ann.take(Due(ann.now_us, letter.key))  # type: ignore[arg-type]
    assert all(row.tries == 2 for row in ann.waiting())
    assert kept_proposal(table.signed) == table.proposal


def test_a_dossier_that_no_letter_holds_stays_with_its_initiator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its coordinator would refuse it however often it came, and a third of the time would go."""
    monkeypatch.setattr("node.core.escrow.posting.MAX_LETTER_BYTES", 4096)
    table = fixed("carol")
    ann = table.parties["ann"]
    assert ann.deal(table.id).phase is DealPhase.JOINED
    bodies = [decode_letter(x.payload).body for x in ann.waiting() if x.kind is LetterKind.LETTER]
    assert not any(isinstance(body, Dossier) for body in bodies)
    assert sum(isinstance(body, Fix) for body in bodies) == 2


OTHERS: dict[str, Callable[[Descriptor], Descriptor]] = {
    "other keys": lambda d: replace(d, committers=(d.committers[0], signing_key("x").node_id)),
    "one is enough": lambda d: replace(d, threshold=1),
    "another end": lambda d: replace(d, decline_hash=digest("other")),
    "a lock": lambda d: replace(d, hashlocks=(digest("lock"),)),
    "as it was fixed": lambda d: d,
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_coordinator_takes_nothing_that_its_seats_could_not_commit_to(other: str) -> None:
    table = fixed("carol")
    rows = (row for row in table.parties["ann"].waiting() if row.kind is LetterKind.LETTER)
    bodies = (decode_letter(row.payload).body for row in rows)
    dossier = next(body for body in bodies if isinstance(body, Dossier))
    carol = table.parties["carol"]
    descriptor = OTHERS[other](decode_descriptor(dossier.descriptor))
    come(carol, "ann", replace(dossier, descriptor=descriptor.encode()))
    assert len(carol.memory.owned(Deal)) == (other == "as it was fixed")


def test_seats_of_others_that_were_never_there_are_not_told_the_end_for_ever() -> None:
    """A stranger's dossier names sixteen addresses at which nobody is: its deal never closed, its
    letters went round for ever, and each became an entry of the operator's inbox."""
    table = fixed("carol")
    table.carry(Dossier)
    carol = table.parties["carol"]
    certificate = aborted(table.deal.descriptor)
    carol.take(LearnCertificate(carol.now_us, certificate))  # type: ignore[arg-type]
    assert carol.deal(table.id).phase is DealPhase.RETURNING
    for _ in range(30):  # each waits longer than the one before
        for row in carol.waiting():
            carol.now_us = max(carol.now_us, row.next_at_us)
            carol.take(Due(carol.now_us, row.key))  # type: ignore[arg-type]
    assert carol.waiting() == []
    assert carol.deal(table.id).phase is DealPhase.CLOSED
    assert carol.memory.owned(Incident) == []


def test_what_is_ours_is_told_for_ever() -> None:
    table = fixed()
    table.carry(Fix)
    table.abort()
    ann = table.parties["ann"]
    ann.now_us += 2 * UNSETTLED_AFTER_US
    for row in ann.waiting():
        ann.take(Due(ann.now_us, row.key))  # type: ignore[arg-type]
    steps = [row.step for row in ann.waiting()]
    assert steps.count(Batch.SETTLE) == 2
    assert ann.deal(table.id).phase is DealPhase.RETURNING


def test_a_refusal_is_said_for_a_minute() -> None:
    table = swap()
    bob = table.parties["bob"]
    come(bob, "ann", Invite(table.signed, "second"), EscrowReason.PROPOSAL_INVALID)
    bob.now_us += 61 * SECOND
    for row in bob.waiting():
        bob.take(Due(bob.now_us, row.key))  # type: ignore[arg-type]
    assert bob.waiting() == []
