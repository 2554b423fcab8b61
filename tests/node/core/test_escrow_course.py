"""An exchange from its proposal to its end, and that nothing which comes twice has two effects."""

import pytest

from node.command.sim.cast import SECOND
from node.core.apply import Applied
from node.core.effects import Answer
from node.core.escrow.events import (
    CancelDeal,
    JoinSeat,
    LeaveSeat,
    LetterCame,
    LetterTaken,
    Propose,
)
from node.core.escrow.rows import DealPhase, LetterKind, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.events import Due, LearnCertificate
from node.core.rows import Ask, Transaction, replace
from proto.escrow.letters import (
    Body,
    Decided,
    Dossier,
    Fix,
    Give,
    Given,
    Invite,
    Join,
    LegsAccepted,
    Letter,
    Receive,
    Share,
    Withdraw,
    decode_letter,
    encode_letter,
)
from proto.escrow.ops import RegistrarError
from proto.escrow.reasons import EscrowReason
from proto.reason import Reason
from tests.node.core.escrow_table import PREIMAGE, Party, Table, aborted, node_of, swap


def fixed(coordinator: str = "") -> Table:
    table = swap(coordinator)
    table.propose()
    table.carry(Invite)
    table.join()
    table.carry(Join)
    return table


def take(party: Party, event: object) -> Applied:
    return party.take(event)  # type: ignore[arg-type]


def signed(coordinator: str = "") -> Table:
    table = fixed(coordinator)
    table.carry()
    assert table.deal.phase is DealPhase.DECIDING
    return table


@pytest.mark.parametrize("coordinator", ["", "carol"])
def test_a_swap_commits_and_everybody_collects(coordinator: str) -> None:
    table = signed(coordinator)
    transaction = table.parties[coordinator or "ann"].memory.row(
        (Transaction.table, table.deal.commit, b"")
    )
    assert isinstance(transaction, Transaction) and transaction.ask is Ask.SUBMIT
    assert [s.phase for s in (table.seat("first"), table.seat("second"))] == [SeatPhase.SIGNED] * 2
    table.commit()
    table.carry()
    assert table.deal.phase is DealPhase.CLOSED
    for name in table.seats:
        seat = table.seat(name)
        assert (seat.phase, seat.waiting) == (SeatPhase.DELIVERED, 0)
    if coordinator:
        assert table.parties["ann"].deal(table.id).phase is DealPhase.CLOSED


def test_an_abort_returns_everything() -> None:
    table = fixed()
    table.carry(Fix)
    table.carry(bend=lambda body: None if isinstance(body, Share) else body)
    assert table.deal.phase is DealPhase.SHARING
    table.abort()
    assert table.deal.phase is DealPhase.RETURNING
    collected = [r.step for p in table.parties.values() for r in p.waiting()]
    assert collected.count(Batch.SETTLE) == 2 and collected.count(Batch.COLLECT) == 4
    table.carry()
    assert table.deal.phase is DealPhase.CLOSED
    assert [table.seat(s).phase for s in table.seats] == [SeatPhase.RETURNED] * 2


def test_nobody_is_asked_to_give_before_everybody_has_accepted() -> None:
    table = fixed()
    table.carry(Fix)
    for row in table.at("first").waiting():
        if row.kind is LetterKind.BATCH:
            table.answer(table.at("first"), row)
    table.carry(LegsAccepted)
    assert table.deal.phase is DealPhase.JOINED
    assert not any(table.seat(s).given[0] or table.seat(s).given[1] for s in table.seats)
    table.carry(LegsAccepted, Give)
    assert not any(any(table.seat(s).given) for s in table.seats)


def test_an_unvetted_receiver_fails_before_anybody_locks() -> None:
    table = fixed()
    table.carry(Fix)
    for party in table.parties.values():
        for row in party.waiting():
            if row.kind is LetterKind.BATCH:
                table.answer(party, row, RegistrarError.NOT_VETTED)
    table.carry(Withdraw)
    deal = table.deal
    assert deal.phase is DealPhase.DECIDING and deal.because is EscrowReason.REGISTRAR_REFUSED
    row = table.parties["ann"].memory.row((Transaction.table, deal.commit, b""))
    assert isinstance(row, Transaction)
    assert (row.ask, row.decline_preimage) == (Ask.DECLINE, PREIMAGE)
    assert not any(any(table.seat(s).given) for s in table.seats)


def test_every_letter_twice_is_every_letter_once() -> None:
    """In every state of the course: the repetition changes no row and says nothing."""
    table = swap()
    table.propose()
    table.carry(Invite)
    table.join()
    repeated: set[type] = set()
    for _ in range(12):
        for party in table.parties.values():
            for row in party.waiting():
                if row.kind is LetterKind.BATCH:
                    table.answer(party, row)
                    continue
                words = decode_letter(row.payload)
                table.deliver(party, words)
                receiver = next(
                    p for p in table.parties.values() if p.memory.settings.node == words.receiver
                )
                before = receiver.rows()
                applied = table.deliver(party, words)
                assert receiver.rows() == before, words.body
                assert not applied.effects, words.body
                repeated.add(type(words.body))
                party.take(LetterTaken(party.now_us, row.id))
        if table.deal.phase is DealPhase.DECIDING and all(table.deal.shares):
            table.commit()
    told = {Join, Fix, LegsAccepted, Give, Given, Receive, Share, Decided}
    assert repeated == told, told - repeated
    assert table.deal.phase is DealPhase.CLOSED


def test_registrars_answers_twice_are_once() -> None:
    table = fixed()
    table.carry(Fix)
    party = table.at("first")
    row = next(r for r in party.waiting() if r.kind is LetterKind.BATCH)
    table.answer(party, row)
    before = party.rows()
    table.answer(party, row)
    table.answer(party, row, RegistrarError.NOT_VETTED)
    assert party.rows() == before


def test_a_registrar_that_says_not_yet_is_asked_again() -> None:
    table = fixed()
    table.carry(Fix)
    party = table.at("first")
    row = next(r for r in party.waiting() if r.kind is LetterKind.BATCH)
    before = party.rows()
    table.answer(party, row, RegistrarError.NOT_YET)
    assert party.rows() == before
    party.now_us = row.next_at_us
    effects = party.take(Due(party.now_us, row.key)).effects  # type: ignore[arg-type]
    assert [type(e).__name__ for e in effects] == ["Deliver"]


@pytest.mark.parametrize("stranger", ["carol", "bob"])
def test_letters_of_another_than_the_seat_change_nothing(stranger: str) -> None:
    """Ann's words in Bob's or a stranger's mouth."""
    table = fixed("carol")
    carol = table.parties["carol"]
    table.carry(Dossier, Fix)
    for _ in range(6):
        for row in table.at("first").waiting():
            if row.kind is LetterKind.BATCH:
                table.answer(table.at("first"), row)
                continue
            words = decode_letter(row.payload)
            if words.receiver != carol.memory.settings.node:
                continue
            before = carol.rows()
            sender = table.parties[stranger].memory.settings.node
            lie = type(words)(sender, words.receiver, words.sent_at_us, words.body)
            event = LetterCame(carol.now_us, lie, encode_letter(lie))
            assert not carol.take(event).changes, words.body
            assert carol.rows() == before
        table.carry(LegsAccepted, Give, Given, Receive, Share)


def test_a_proposal_is_made_once_and_expires() -> None:
    table = swap()
    table.propose()
    me = table.parties["ann"]
    answer = me.take(Propose(me.now_us, table.signed, table.proposal, PREIMAGE))
    assert not answer.changes
    me.now_us = table.deal.due_at_us
    me.take(Due(me.now_us, table.deal.key))  # type: ignore[arg-type]
    assert (table.deal.phase, table.deal.because) == (DealPhase.FAILED, EscrowReason.EXPIRED)
    assert table.deal.blamed == "first"


def test_a_seat_that_nobody_fixes_gives_up() -> None:
    table = swap()
    table.propose()
    table.carry(Invite)
    table.join("second")
    bob, seat = table.at("second"), table.seat("second")
    bob.now_us = table.proposal.expires_at_us + 60 * SECOND - 1
    assert not bob.take(Due(bob.now_us, seat.key)).changes  # type: ignore[arg-type]
    bob.now_us += 1
    bob.take(Due(bob.now_us, seat.key))  # type: ignore[arg-type]
    assert table.seat("second").phase is SeatPhase.WITHDRAWN


def test_a_seat_that_declines_ends_the_proposal_for_all() -> None:
    table = swap()
    table.propose()
    table.carry(Invite)
    table.join("first")
    bob = table.at("second")
    bob.take(LeaveSeat(bob.now_us, table.id, "second"))
    table.carry()
    assert (table.deal.phase, table.deal.blamed) == (DealPhase.FAILED, "second")
    assert table.seat("first").phase is SeatPhase.WITHDRAWN


def test_a_seat_that_leaves_after_the_terms_are_fixed_ends_by_certificate_alone() -> None:
    table = fixed()
    table.carry(Fix)
    bob = table.at("second")
    bob.take(LeaveSeat(bob.now_us, table.id, "second"))
    table.carry()
    assert table.seat("second").phase is SeatPhase.FIXED
    assert not table.seat("second").share
    assert table.deal.phase is DealPhase.DECIDING
    table.abort()
    assert table.seat("second").phase is SeatPhase.RETURNED


def test_what_is_not_open_any_more_is_refused() -> None:
    table = signed()
    ann = table.parties["ann"]
    table.commit()
    table.carry()
    refused = [
        JoinSeat(ann.now_us, table.id, "first", table.joining("first")),
        LeaveSeat(ann.now_us, table.id, "first"),
        CancelDeal(ann.now_us, table.id),
        LeaveSeat(ann.now_us, b"x" * 16, "first"),
        CancelDeal(ann.now_us, b"x" * 16),
    ]
    before = ann.rows()
    answers = [effect for event in refused for effect in take(ann, event).effects]
    reasons = [a.refusal.reason for a in answers if isinstance(a, Answer) and a.refusal]
    assert len(reasons) == len(refused)
    assert set(reasons) == {Reason.EXCHANGE_STATE, Reason.EXCHANGE_UNKNOWN}
    assert ann.rows() == before


@pytest.mark.parametrize("phase", [DealPhase.JOINED, DealPhase.PREPARING, DealPhase.SHARING])
def test_whoever_is_silent_is_named_when_the_time_is_over(phase: DealPhase) -> None:
    table = fixed()
    table.carry(Fix)
    silent = {DealPhase.JOINED: LegsAccepted, DealPhase.PREPARING: Given, DealPhase.SHARING: Share}

    def held_back(body: Body) -> Body | None:
        quiet = isinstance(body, silent[phase]) and getattr(body, "seat", "") == "second"
        return None if quiet else body

    table.carry(bend=held_back)
    assert table.deal.phase is phase
    ann = table.parties["ann"]
    ann.now_us = table.deal.due_at_us
    ann.take(Due(ann.now_us, table.deal.key))  # type: ignore[arg-type]
    deal = table.deal
    assert (deal.phase, deal.because, deal.blamed) == (
        DealPhase.DECIDING,
        EscrowReason.SILENT,
        "second",
    )


def test_an_initiator_takes_over_from_a_coordinator_that_is_gone() -> None:
    table = fixed("carol")
    ann = table.parties["ann"]
    assert ann.deal(table.id).phase is DealPhase.HANDED
    ann.now_us = ann.deal(table.id).due_at_us
    ann.take(Due(ann.now_us, ann.deal(table.id).key))  # type: ignore[arg-type]
    table.coordinator = ""
    for party in table.parties.values():
        party.now_us = ann.now_us
    table.carry(bend=lambda body: None if isinstance(body, Dossier) else body)
    assert table.deal.phase is DealPhase.DECIDING and all(table.deal.shares)


def test_two_coordinators_at_once_come_to_one_end() -> None:
    table = fixed("carol")
    ann = table.parties["ann"]
    table.carry(Dossier, Fix)
    ann.now_us = ann.deal(table.id).due_at_us
    ann.take(Due(ann.now_us, ann.deal(table.id).key))  # type: ignore[arg-type]
    table.carry()
    phases = {ann.deal(table.id).phase, table.deal.phase}
    assert DealPhase.DECIDING in phases
    table.abort() if not all(table.deal.shares) else table.commit()
    table.carry()
    ends = {table.seat(s).phase for s in table.seats}
    assert len(ends) == 1 and ends <= {SeatPhase.DELIVERED, SeatPhase.RETURNED}


def test_a_foreign_certificate_decides_nothing() -> None:
    table = signed()
    other = swap("carol")
    other.propose()
    other.carry(Invite)
    other.join()
    other.carry(Join)
    foreign = aborted(other.deal.descriptor if other.coordinator == "" else _descriptor(other))
    ann = table.parties["ann"]
    before = ann.rows()
    ann.take(LearnCertificate(ann.now_us, foreign))
    assert ann.rows() == before or foreign.commit_id != table.deal.commit
    assert table.seat("first").phase is SeatPhase.SIGNED


def _descriptor(table: Table) -> bytes:
    return table.parties["ann"].deal(table.id).descriptor


def test_a_decision_comes_by_letter_as_well() -> None:
    table = signed()
    bob = table.at("second")
    body = Decided(aborted(table.deal.descriptor))
    # The sender does not matter: the certificate speaks.
    letter = Letter(table.parties["ann"].memory.settings.node, bob.memory.settings.node, 1, body)
    bob.take(LetterCame(bob.now_us, letter, encode_letter(letter)))
    assert table.seat("second").phase is SeatPhase.RETURNED


def test_terms_that_come_behind_their_decision_end_soon() -> None:
    """As at a node that was away: the certificate said nothing to a seat without terms, and nobody
    would tell it again before the deadline."""
    table = fixed("carol")
    table.carry(Dossier)
    table.abort()
    table.carry(Decided)
    assert {table.seat(name).phase for name in table.seats} == {SeatPhase.JOINED}
    table.carry()
    seats = {name: (table.seat(name).phase, table.seat(name).waiting) for name in table.seats}
    # The initiator's own node knew, and its seat has not even begun.
    assert seats == {"first": (SeatPhase.WITHDRAWN, 0), "second": (SeatPhase.RETURNED, 0)}
    assert (table.deal.phase, table.deal.waiting) == (DealPhase.CLOSED, 0)


def test_a_payment_that_fails_when_all_rights_are_promised_ends_it_at_once() -> None:
    """It has the next leg's money to find, and no registrar's promise will ever stand for it."""
    table = fixed()
    table.carry(bend=lambda body: None if isinstance(body, Share) else body)
    assert table.deal.phase is DealPhase.SHARING
    ann = table.parties["ann"]
    words = Given(table.deal.commit, "first", 1, why=EscrowReason.NO_ROUTE)
    letter = Letter(node_of("ann"), node_of("ann"), ann.now_us, words)
    table.deliver(ann, letter)
    assert table.deal.phase is DealPhase.SHARING, "a right that is promised is given"
    ann.memory.put(replace(table.deal, promises=(b"", table.deal.promises[1])))  # as of money
    table.deliver(ann, letter)
    assert table.deal.phase is DealPhase.DECIDING
    assert (table.deal.because, table.deal.blamed) == (EscrowReason.NO_ROUTE, "first")
