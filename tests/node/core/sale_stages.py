"""Sales at every step of their course, to be forked by tests, and a hand that writes any letter."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.core.apply import Applied
from node.core.effects import Answer
from node.core.rows import Key, Row
from node.core.sale.events import (
    Attest,
    CastVote,
    CloseSale,
    GiveCredential,
    SaleLetterCame,
    ShowControl,
)
from node.core.sale.reading import key_of, sale_of
from node.core.sale.rows import SalePhase
from node.memory import Memory
from node.sale.drafting import draft_vote
from proto.descriptor import commit_id
from proto.escrow.letters import Letter as Words
from proto.escrow.letters import OfSale, encode_letter, sign_letter
from proto.reason import Reason
from proto.sale.handover import sign_control
from proto.sale.letters import SaleBody, SaleWords, encode_words
from proto.sale.stakes import Decision, SaleRole
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_table import CHALLENGE, Person, SaleTable

P = SalePhase
ARBITER = "ada"
NAMES = ("bob", "sally", "ned", ARBITER)
ROLE = dict(zip(NAMES, (r for r in SaleRole if r is not SaleRole.HOUSE), strict=True))


def fork(table: SaleTable) -> SaleTable:
    """The same table again: what happens at one does not happen at the other."""
    other = copy.copy(table)
    other.people = {name: _fork(person) for name, person in table.people.items()}
    for name in ("decided", "refuses", "sealed_votes", "opened_votes", "shown_keys"):
        setattr(other, name, copy.copy(getattr(table, name)))
    return other


def _fork(person: Person) -> Person:
    other = copy.copy(person)
    other.memory = remembered(person, person.memory.rows.values())
    other.drafts, other.asks = list(person.drafts), list(person.asks)
    return other


def remembered(person: Person, rows: Iterator[Row] | object) -> Memory:
    """A fresh memory that holds just these rows."""
    memory = Memory(person.memory.settings)
    for row in list(rows):
        memory.put(row)
    return memory


# ---------------------------------------------------------------- the course, step by step


def _wait(table: SaleTable, us: int) -> None:
    table.pass_time(max(person.now_us for person in table.people.values()) + us)


def _opened(table: SaleTable) -> None:
    table.open()


def _offered(table: SaleTable) -> None:
    table.carry()


def _bid(table: SaleTable) -> None:
    table.bid("sally")


def _asked(table: SaleTable) -> None:
    table.carry()


def _entered(table: SaleTable) -> None:
    table.enter("ned")
    if table.arbiter:
        table.enter(table.arbiter)


def _drafting(table: SaleTable) -> None:
    """All have joined; nobody has made the contract so far."""
    table.carry(lambda _, body: body, rounds=1)


def _agreed(table: SaleTable) -> None:
    table.carry()


def _given(table: SaleTable) -> None:
    sally = table.people["sally"]
    sally.take(GiveCredential(sally.now_us, table.id, b"sealed to the agent"))
    table.carry()


def _handed(table: SaleTable) -> None:
    ned = table.people["ned"]
    ned.take(table.handing_over())


def _locking(table: SaleTable) -> None:
    """T1 is known to all, and nobody has a promise of the house so far."""
    for name in ("bob", "sally"):
        person = table.people["ned"]
        for row in person.waiting():
            if row.receiver == node_of(name):
                table._deliver(person, row, None)


def _locked(table: SaleTable) -> None:
    table.carry()


def _shown(table: SaleTable) -> None:
    bob = table.people["bob"]
    bob.take(ShowControl(bob.now_us, table.id, control(table)))
    table.carry()


def _split(table: SaleTable) -> None:
    ned = table.people["ned"]
    ned.take(Attest(ned.now_us, table.id, control(table)))
    table.carry()


def _voted(table: SaleTable) -> None:
    for name in ("bob", "sally"):
        cast(table, name)
    table.carry()


def _ended(table: SaleTable) -> None:
    _wait(table, 600 * SECOND)


COURSE: tuple[Callable[[SaleTable], None], ...] = (
    *(_opened, _offered, _bid, _asked, _entered, _drafting, _agreed, _given, _handed, _locking),
    *(_locked, _shown, _split, _voted, _ended),
)
STAGES = tuple(step.__name__.strip("_") for step in COURSE)


@cache
def _at(stage: str, arbiter: str) -> SaleTable:
    at = STAGES.index(stage)
    if at == 0:
        table = SaleTable(agents=("ned",), arbiter=arbiter)
    else:
        table = fork(_at(STAGES[at - 1], arbiter))
    COURSE[at](table)
    return table


def table_at(stage: str, arbiter: str = "") -> SaleTable:
    """A sale after this step of its course; the caller's own."""
    return fork(_at(stage, arbiter))


# ---------------------------------------------------------------- what tests say and ask


def control(table: SaleTable, challenge: bytes = CHALLENGE) -> bytes:
    sale = table.sale("bob")
    return sign_control(key_of(sale.seed, Decision.LOCK), commit_id(sale.lock), challenge)


def vote_of(table: SaleTable, name: str, success: bool = True) -> bytes:
    person = table.people[name]
    salt = digest("vote of " + name)
    return draft_vote(
        signing_key(name), person.memory, table.sale(name), success, lambda size: salt[:size]
    )


def cast(table: SaleTable, name: str) -> Applied:
    person = table.people[name]
    return person.take(CastVote(person.now_us, table.id, vote_of(table, name)))


def signed_words(
    table: SaleTable, sender: str, receiver: str, body: SaleBody, sale: bytes = b""
) -> tuple[SaleWords, bytes]:
    """What a letter says, and the letter as its sender signs it."""
    words = SaleWords(sale or table.id, body)
    letter = Words(node_of(sender), node_of(receiver), NOW_US, OfSale(encode_words(words)))
    return words, sign_letter(signing_key(sender), encode_letter(letter))


def say(table: SaleTable, sender: str, receiver: str, body: SaleBody, sale: bytes = b"") -> Applied:
    """Anybody writes anything; whether it changes anything is seen in what comes back."""
    words, signed = signed_words(table, sender, receiver, body, sale)
    person = table.people[receiver]
    return person.take(SaleLetterCame(person.now_us, node_of(sender), words, signed))


def rows(table: SaleTable) -> dict[str, dict[Key, Row]]:
    """Everything that everybody remembers."""
    return {name: dict(person.memory.rows) for name, person in table.people.items()}


def refused(applied: Applied) -> Reason | None:
    """The answer to an owner: a reason, or None where it was done."""
    answers = [effect for effect in applied.effects if isinstance(effect, Answer)]
    assert len(answers) == 1, applied
    return answers[0].refusal.reason if answers[0].refusal is not None else None


def phase_of(table: SaleTable, name: str) -> SalePhase | None:
    row = sale_of(table.people[name].memory, table.id)
    return row.phase if row is not None else None


def write(table: SaleTable, name: str, **fields: object) -> None:
    """Puts something into somebody's row of the sale, for what has no other way there."""
    table.people[name].memory.put(replace(table.sale(name), **fields))


@contextmanager
def unchanged(table: SaleTable) -> Iterator[None]:
    """Nobody remembers anything else afterwards."""
    before = rows(table)
    yield
    assert rows(table) == before


def closed(arbiter: str = "") -> SaleTable:
    """The buyer did not want it any more."""
    table = table_at("asked", arbiter)
    bob = table.people["bob"]
    bob.take(CloseSale(bob.now_us, table.id))
    table.carry()
    return table


def returned(arbiter: str = "") -> SaleTable:
    """The seller never gave a credential."""
    table = table_at("agreed", arbiter)
    table.pass_time(max(table.sale(name).due_at_us for name in table.people))
    return table


EVERY_STAGE = (*STAGES, "closed", "returned")


def any_stage(stage: str, arbiter: str = "") -> SaleTable:
    """Of EVERY_STAGE."""
    match stage:
        case "closed":
            return closed(arbiter)
        case "returned":
            return returned(arbiter)
        case _:
            return table_at(stage, arbiter)
