"""Letters of a sale twice, late, early, swapped, of another sale, and out of other mouths."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.core.apply import Applied
from node.core.escrow.rows import Letter, LetterKind
from node.core.events import Event
from node.core.sale.dispatch import is_early
from node.core.sale.events import SaleLetterCame
from node.core.sale.reading import known_of
from node.core.sale.rows import SalePhase
from proto.escrow.letters import OfSale, decode_letter
from proto.sale.letters import (
    Asked,
    Closed,
    Controlled,
    Credential,
    Joined,
    Lock,
    Offered,
    SaleBody,
    SaleShare,
    SaleWords,
    Terms,
    decode_words,
)
from proto.sale.offer import sign_offer
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Branch, branch_of
from tests.node.core import sale_table
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_stages import (
    ARBITER,
    COURSE,
    EVERY_STAGE,
    NAMES,
    ROLE,
    STAGES,
    any_stage,
    fork,
    phase_of,
    rows,
    say,
    table_at,
)
from tests.node.core.sale_table import Person, SaleTable

P = SalePhase
SEEDS = int(os.environ.get("SALE_SEEDS", "20"))
FAR_US = NOW_US + 2000 * SECOND


@dataclass(frozen=True)
class Said:
    """A letter of an honest party that arrived in an honest run."""

    sender: str
    receiver: str
    event: SaleLetterCame

    @property
    def body(self) -> SaleBody:
        return self.event.words.body


@contextmanager
def heard() -> Iterator[list[Said]]:
    """All letters that arrive meanwhile."""
    found: list[Said] = []
    take = Person.take

    def hears(person: Person, event: Event) -> Applied:
        if isinstance(event, SaleLetterCame):
            sender = next(name for name in NAMES if node_of(name) == event.sender)
            found.append(Said(sender, person.name, event))
        return take(person, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sale_table.Person, "take", hears)
        yield found


def course(table: SaleTable, until: str = STAGES[-1]) -> tuple[Said, ...]:
    """An honest run; its letters, in their order."""
    with heard() as found:
        for step in COURSE[: STAGES.index(until) + 1]:
            step(table)
    return tuple(found)


@cache
def letters(until: str = STAGES[-1]) -> tuple[Said, ...]:
    return course(SaleTable(agents=("ned",), arbiter=ARBITER), until)


@cache
def foreign() -> tuple[Said, ...]:
    """Of another sale between just the same people, about another thing."""
    table = SaleTable(agents=("ned",), arbiter=ARBITER)
    table.offer = replace(table.offer, thing="another.example", salt=digest("other")[:16])
    table.signed = sign_offer(signing_key("bob"), table.offer)
    return course(table)


def test_every_kind_of_letter_is_among_them() -> None:
    kinds = {type(said.body).__name__ for said in letters()}
    assert kinds == {
        *("Offered", "Ruled", "Reveal", "Asked", "Joined", "Terms", "SaleShare"),
        *("Credential", "Lock", "Staked", "Controlled"),
    }  # Closed has tests of its own: nobody needs it where all goes well


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_what_was_heard_before_is_heard_again(stage: str) -> None:
    """Replayed, in order and backwards: nobody remembers anything else."""
    table = any_stage(stage, ARBITER)
    before = {"closed": "asked", "returned": "agreed"}.get(stage, stage)
    said = letters(before)
    before_rows = rows(table)
    for one in (*said, *reversed(said)):
        person = table.people[one.receiver]
        person.take(replace(one.event, now_us=person.now_us))
    assert rows(table) == before_rows


def nothing_or_closed(table: SaleTable, sender: str, receiver: str, body: SaleBody) -> None:
    """It leaves no trace; but a party that shows what does not fit, while nobody is bound, has
    ended the sale."""
    before, was = rows(table), phase_of(table, receiver)
    say(table, sender, receiver, body)
    if rows(table) != before:
        assert sender in NAMES, body
        assert was is not None
        assert was < P.AGREEING
        assert phase_of(table, receiver) is P.CLOSED, body
        sale = table.sale(receiver)
        assert (sale.because, sale.blamed) == (SaleReason.TERMS_MISMATCH, ROLE[sender])


# A word of the party itself, which nothing contradicts: it may say it of any sale of its own.
OWN_WORD = (Closed, Credential, Joined)


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_letters_of_another_sale_under_the_name_of_this_one(stage: str) -> None:
    for one in foreign():
        table = any_stage(stage, ARBITER)
        if not isinstance(one.body, OWN_WORD):
            nothing_or_closed(table, one.sender, one.receiver, one.body)


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_letters_of_another_sale_stay_there(stage: str) -> None:
    """Of what the receiver takes no part in he remembers an offer at most."""
    table = any_stage(stage, ARBITER)
    before = rows(table)
    for one in foreign():
        if not isinstance(one.body, Offered | Asked):
            table.people[one.receiver].take(one.event)
    assert rows(table) == before


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_words_out_of_another_mouth(stage: str) -> None:
    """Everything that is ever said, by everybody who is not the one to say it."""
    table = any_stage(stage, ARBITER)
    for one in letters():
        for liar in (*NAMES, "nora"):
            if liar in (one.sender, one.receiver):
                continue
            if isinstance(one.body, Lock | Terms) and one.receiver == ARBITER and liar != "nora":
                continue  # every party tells him
            nothing_or_closed(fork(table), liar, one.receiver, one.body)


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_letters_to_the_wrong_one(stage: str) -> None:
    """What one may say to one party does nothing at another."""
    table = any_stage(stage, ARBITER)
    before = rows(table)
    for one in letters():
        allowed = {r.receiver for r in letters() if (r.sender, r.body) == (one.sender, one.body)}
        if isinstance(one.body, Lock | SaleShare):
            continue  # the same T1 for all; shares are good wherever they are
        for other in set(NAMES) - allowed - {one.sender}:
            say(table, one.sender, other, one.body)
            assert rows(table) == before, (other, one.body)


# ---------------------------------------------------------------- out of order


@dataclass
class Desk:
    """Lets letters arrive in any order, and again; early ones wait, as the node's desk says."""

    table: SaleTable
    chance: random.Random

    def carry(self) -> None:
        for _ in range(400):
            if not self._once():
                return
        raise AssertionError("it never comes to rest")

    def _once(self) -> bool:
        moved = False
        people = list(self.table.people.values())
        self.chance.shuffle(people)
        for person in people:
            waiting = person.waiting()
            self.chance.shuffle(waiting)
            for row in waiting:
                if self.chance.random() < 0.6:  # some are overtaken
                    moved |= self._deliver(person, row)
                else:
                    moved = True
            moved |= self.table._draft(person)
            moved |= self.table.ask_registry(person)
        return moved

    def _deliver(self, person: Person, row: Letter) -> bool:
        if row.kind is LetterKind.LETTER:
            letter = decode_letter(row.payload)
            if isinstance(letter.body, OfSale):
                receiver = next(
                    p for p in self.table.people.values() if node_of(p.name) == letter.receiver
                )
                words = decode_words(letter.body.words)
                if is_early(receiver.memory, letter.sender, words):
                    self._lost_if_taken(receiver, person, words)
                    return False
                if self.chance.random() < 0.3:  # its receipt is lost: it is said again
                    assert self.table._deliver(person, row, None)
                    person.memory.put(row)
        return self.table._deliver(person, row, None)

    def _lost_if_taken(self, receiver: Person, sender: Person, words: SaleWords) -> None:
        """What is called early would change nothing now."""
        before = dict(receiver.memory.rows)
        receiver.take(SaleLetterCame(receiver.now_us, node_of(sender.name), words))
        assert dict(receiver.memory.rows) == before, words.body


@pytest.mark.parametrize("seed", range(SEEDS))
def test_in_any_order_the_sale_takes_its_course(seed: int) -> None:
    table = SaleTable(agents=("ned",), arbiter=ARBITER)
    desk = Desk(table, random.Random(seed))
    table.carry = lambda *_, **__: desk.carry()
    for step in COURSE:
        step(table)
    assert {table.sale(name).phase for name in NAMES} == {P.ENDED}
    for name in NAMES:
        known = known_of(table.people[name].memory, table.sale(name))
        assert branch_of(known) is Branch.RELEASED, name


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_nothing_is_early_for_ever(stage: str) -> None:
    """Whoever is told "not yet" is told so until the sale is over, and no longer."""
    table = any_stage(stage, ARBITER)
    table.pass_time(FAR_US, lambda *_: None)
    for one in letters():
        memory = table.people[one.receiver].memory
        assert not is_early(memory, one.event.sender, one.event.words), one.body


@pytest.mark.parametrize("stage", STAGES[STAGES.index("agreed") :])
def test_what_is_to_come_is_early_or_taken(stage: str) -> None:
    """A letter of later changes something now, or is called early: its receipt would lose it.

    But for what cannot come: nobody controls the thing before the agent has handed it over.
    """
    table = table_at(stage, ARBITER)
    heard_by_now = {(one.receiver, one.event.words) for one in letters(stage)}
    for one in letters():
        person, phase = table.people[one.receiver], phase_of(table, one.receiver)
        if (one.receiver, one.event.words) in heard_by_now or phase is None or phase.final:
            continue
        if isinstance(one.body, Controlled) and phase is P.AGREED:
            continue
        changed = bool(fork(table).people[person.name].take(one.event).changes)
        early = is_early(person.memory, one.event.sender, one.event.words)
        assert changed is not early, (one.sender, one.receiver, one.body)


@pytest.mark.parametrize("seed", range(4))
def test_a_buyer_who_hears_last_that_all_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """He brought T0 to the registry and its answer was lost; the others asked for themselves, and
    are at T1 already."""
    table = table_at("drafting")
    asks = SaleTable.ask_registry

    def unheard(self: SaleTable, person: Person) -> bool:
        take = (lambda _: None) if person.name == "bob" else person.take
        with monkeypatch.context() as patch:
            patch.setattr(person, "take", take)
            return asks(self, person)

    desk = Desk(table, random.Random(seed))
    table.carry = lambda *_, **__: desk.carry()
    with monkeypatch.context() as patch:
        patch.setattr(SaleTable, "ask_registry", unheard)
        table.carry()
        table.pass_time(NOW_US + 20 * SECOND)
        assert phase_of(table, "bob") is P.AGREEING
        table.hand_over()
        table.carry()
    assert phase_of(table, "sally") is phase_of(table, "ned") is P.LOCKING
    table.pass_time(NOW_US + 50 * SECOND)
    assert phase_of(table, "bob") is P.LOCKED
