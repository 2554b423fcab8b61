"""Whose move it is: at every step of a sale, at every party, somebody is waited for by name."""

import pytest

from node.command.sim.cast import NOW_US, SECOND
from node.core.effects import Answer
from node.core.sale.events import (
    Attest,
    CastVote,
    DeclineDecision,
    GiveCredential,
    SaleLetterCame,
    ShowControl,
    SignDecision,
)
from node.core.sale.moves import MAY, Move, Otherwise, What, default_branch, moves
from node.core.sale.reading import key_of, known_of
from node.core.sale.rows import SalePhase
from node.sale.drafting import draft_vote
from proto.descriptor import commit_id
from proto.sale.handover import sign_control
from proto.sale.letters import Credential, Lock, Ruled, SaleBody, SaleWords
from proto.sale.stakes import Branch, Decision, Outcome, SaleRole, branch_of
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_table import CHALLENGE, SaleTable, digest, signing_key

BUYER, SELLER, AGENT = SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT
END_US = NOW_US + 600 * SECOND


class Told(SaleTable):
    """The table, and what each party is told at it."""

    def moves(self, name: str) -> tuple[Move, ...]:
        person, sale = self.people[name], self.sale(name)
        return moves(sale, known_of(person.memory, sale), person.now_us)

    def waited_for(self, name: str) -> set[tuple[SaleRole | None, What]]:
        """What the sale waits for, as `name` sees it."""
        return {(m.role, m.what) for m in self.moves(name) if m.needed}

    def otherwise(self, name: str) -> Otherwise:
        return self.moves(name)[0].otherwise

    def parties(self) -> list[str]:
        rows = [(n, p.memory.rows) for n, p in self.people.items()]
        return [n for n, r in rows if ("sale", self.id, b"") in r]

    def check(self) -> None:
        """Whoever is in a sale that is not over is told whom it waits for, and until when."""
        for name in self.parties():
            found, final = self.moves(name), self.sale(name).phase.final
            assert bool([m for m in found if m.needed]) is not final, (name, self.sale(name).phase)
            for move in found:
                assert move.until_us > NOW_US
                assert move.mine is (move.role is self.sale(name).role)
                assert move.needed is (move.what not in MAY)

    def act(self, name: str, event: type, *more: object) -> None:
        person = self.people[name]
        applied = person.take(event(person.now_us, self.id, *more))
        assert not [e for e in applied.effects if isinstance(e, Answer) and e.refusal], applied
        self.carry()
        self.check()

    def post(self) -> None:
        sale = self.sale("bob")
        key = key_of(sale.seed, Decision.LOCK)
        self.act("bob", ShowControl, sign_control(key, commit_id(sale.lock), CHALLENGE))

    def vote(self, name: str) -> None:
        person, sale = self.people[name], self.sale(name)
        signed = draft_vote(
            signing_key(name), person.memory, sale, True, lambda size: digest("v")[:size]
        )
        self.act(name, CastVote, signed)


@pytest.fixture
def table() -> Told:
    return Told()


def lost(kind: type) -> object:
    """Letters of this kind do not arrive."""

    def bend(_: str, body: SaleBody) -> SaleBody | None:
        return None if isinstance(body, kind) else body

    return bend


def test_the_sides_take_turns(table: Told) -> None:
    table.open(table.accepts())
    table.carry()
    assert table.waited_for("bob") == table.waited_for("sally") == {(SELLER, What.ANSWER)}
    assert table.otherwise("sally") is Otherwise.CLOSED
    assert table.moves("sally")[0].mine
    assert not table.moves("bob")[0].mine
    assert table.moves("bob")[0].until_us == table.offer.expires_at_us
    table.bid("sally")
    table.carry(lost(Ruled))  # type: ignore[arg-type]
    assert table.waited_for("sally") == {(BUYER, What.ANSWER)}
    table.carry()
    assert table.waited_for("bob") == {(BUYER, What.ANSWER)}


@pytest.mark.parametrize("arbiter", ["", "ada"])
def test_the_agent_is_asked(arbiter: str) -> None:
    table = Told(arbiter=arbiter)
    table.open()
    table.carry()
    table.bid("sally")
    table.carry()
    table.check()
    asked = {(AGENT, What.ENTER)} | ({(SaleRole.ARBITER, What.ENTER)} if arbiter else set())
    for name in table.parties():
        assert table.waited_for(name) == asked
    if arbiter:
        table.enter(table.agent)
        table.carry()
        assert table.waited_for("bob") == {(SaleRole.ARBITER, What.ENTER)}
        assert table.waited_for(table.agent) == {(BUYER, What.CONTRACT)}


def test_the_hand_over(table: Told) -> None:
    table.agree()
    table.check()
    assert table.waited_for("sally") == {(SELLER, What.GIVE)}
    assert table.waited_for(table.agent) == {(SELLER, What.GIVE)}
    assert table.waited_for("bob") == {(SELLER, What.GIVE), (AGENT, What.PASS_ON)}
    assert table.otherwise("bob") is Otherwise.RETURNED
    sally = table.people["sally"]
    sally.take(GiveCredential(sally.now_us, table.id, b"sealed to the agent"))
    table.carry(lost(Credential))  # type: ignore[arg-type]
    assert table.waited_for(table.agent) == {(SELLER, What.GIVE)}
    table.carry()
    assert table.waited_for(table.agent) == table.waited_for("sally") == {(AGENT, What.PASS_ON)}
    table.people[table.agent].take(table.handing_over())
    table.check()
    waiting = table.waited_for(table.agent)
    assert {what for _, what in waiting} == {What.STAKE}
    assert all(move.by_itself for move in table.moves(table.agent))


def test_a_bad_hand_over_runs_out(table: Told) -> None:
    table.agree()
    bob, lock = table.people["bob"], []

    def bend(_: str, body: SaleBody) -> SaleBody | None:
        lock.extend([body] if isinstance(body, Lock) and body.sealed else [])
        return None if isinstance(body, Lock) else body

    table.hand_over()
    table.carry(bend)
    words = SaleWords(table.id, lock[0])
    bob.take(SaleLetterCame(bob.now_us, node_of(table.agent), words, unfit=True))
    assert table.waited_for("bob") == {(BUYER, What.RUN_OUT)}
    assert table.otherwise("bob") is Otherwise.RETURNED


def test_from_the_lock_to_the_votes(table: Told) -> None:
    table.lock()
    table.check()
    ned = table.agent
    for name in ("bob", "sally", ned):
        assert table.waited_for(name) == {(BUYER, What.PROVE), (AGENT, What.ATTEST)}
        assert table.otherwise(name) is Otherwise.REFUND_PLAIN
    table.post()
    assert table.waited_for("bob") == table.waited_for(ned) == {(AGENT, What.ATTEST)}
    table.act(ned, Attest, table.sale(ned).shown)
    for name in ("bob", "sally"):
        votes = {(BUYER, What.VOTE), (SELLER, What.VOTE)}
        assert table.waited_for(name) == votes
        assert table.otherwise(name) is Otherwise.BOND_LOST
    table.vote("bob")
    assert table.waited_for("bob") == {(BUYER, What.OPEN_VOTE), (SELLER, What.VOTE)}
    table.vote("sally")
    assert table.moves("bob") == ()


def test_an_agent_without_a_proof_waits_for_a_challenge(table: Told) -> None:
    table.lock()
    ned = table.agent
    table.act(ned, Attest)
    for name in ("bob", "sally", ned):
        assert table.waited_for(name) == {(AGENT, What.RELEASE_LATER)}
        assert table.otherwise(name) is Otherwise.RELEASED
        challenge = next(m for m in table.moves(name) if m.what is What.CHALLENGE)
        assert challenge.role is BUYER
        assert challenge.until_us > table.moves(name)[0].until_us
    table.act("bob", SignDecision, Decision.CHALLENGE)
    for name in ("bob", "sally", ned):
        assert table.waited_for(name) == {(None, What.RECORD)}
        assert table.otherwise(name) is Otherwise.REFUNDED
        assert What.CHALLENGE not in {m.what for m in table.moves(name)}


def test_a_seller_who_concedes(table: Told) -> None:
    table.lock()
    sally = table.people["sally"]
    sally.take(DeclineDecision(sally.now_us, table.id))
    assert {m.what for m in table.moves("sally")} == {What.DECIDE}
    table = Told()
    table.lock()
    table.act("sally", DeclineDecision)
    for name in ("bob", "sally", table.agent):
        assert table.otherwise(name) is Otherwise.REFUND_PLAIN
        assert {m.what for m in table.moves(name) if not m.needed} == {What.REFUND}
    table.act("bob", SignDecision, Decision.REFUND)
    assert (BUYER, What.REFUND) not in {(m.role, m.what) for m in table.moves("sally")}


def test_what_was_told_is_what_happens() -> None:
    """A silent world ends as everybody was told that it would."""
    for attests, challenges in ((False, False), (True, False), (True, True)):
        table = Told()
        table.lock()
        ned = table.agent
        if attests:
            table.act(ned, Attest)
        if challenges:
            table.act("bob", SignDecision, Decision.CHALLENGE)
        told = {name: table.otherwise(name) for name in ("bob", "sally", ned)}
        table.pass_time(END_US)
        for name, said in told.items():
            known = known_of(table.people[name].memory, table.sale(name))
            branch = branch_of(known)
            assert branch is not None
            assert said.name == branch.name, (attests, challenges, name)


@pytest.mark.parametrize("arbiter", ["", "ada"])
@pytest.mark.parametrize("course", ["silent", "attested", "challenged", "conceded"])
def test_somebody_is_waited_for_at_every_moment(course: str, arbiter: str) -> None:
    table = Told(arbiter=arbiter)
    table.agree()
    table.check()
    table.hand_over()
    table.check()
    table.carry()
    table.check()
    if course in ("attested", "challenged"):
        table.act(table.agent, Attest)
    if course == "challenged":
        table.act("bob", SignDecision, Decision.CHALLENGE)
    if course == "conceded":
        table.act("sally", DeclineDecision)
    for seconds in range(5, 600, 5):
        table.pass_time(NOW_US + seconds * SECOND)
        table.check()
    phases = {table.sale(name).phase for name in ("bob", "sally", table.agent)}
    assert phases == {SalePhase.ENDED}


def test_a_default_follows_from_what_is_certified() -> None:
    lock = {Decision.LOCK: Outcome.COMMITTED}
    attested = lock | {Decision.DELIVERED: Outcome.COMMITTED}
    assert default_branch(lock) is Branch.REFUND_PLAIN
    assert default_branch(attested) is Branch.RELEASED
    challenged = attested | {Decision.CHALLENGE: Outcome.COMMITTED}
    assert default_branch(challenged) is Branch.REFUNDED
    assert default_branch(challenged | {Decision.RELEASE: Outcome.COMMITTED}) is Branch.RELEASED
