"""Does a registrar keep the rules? Asks any server of the service Registrar, as strangers would.

It brings a registry of its own, whose keys everybody can compute, so a registrar that accepts it
must be a test installation: never check one that holds titles of anybody. It needs one thing there,
a fungible one, of which the giver has PIECES.

  python deploy/examples/conformance.py init ./check       # writes check.record, giver.card
  ... have the registrar accept check.record, and give 40 pieces to giver.card ...
  python deploy/examples/conformance.py run REGISTRAR.card

Every rule is a function of a `Target`; a rule that does not hold raises AssertionError.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc

from proto.card import read_card
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence, evidence_hash, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.envelope import sign
from proto.escrow.batch import BatchReply, OpBatch, OpenAccount, read_reply, sign_asked
from proto.escrow.legs import Leg, RightCarrier, read_leg_promise
from proto.escrow.ops import (
    Accept,
    Cancel,
    LegPhase,
    Look,
    Offer,
    Op,
    Prepare,
    Refund,
    ResultOf,
    Settle,
    capability_hash,
)
from proto.escrow.ops import RegistrarError as E
from proto.escrow.rights import Right, read_right
from proto.escrow.terms import Opening, plant
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SigningKey
from proto.policy import RegistryPolicy
from proto.registry_record import Root, read_record, registry_id, sign_record, sign_root
from proto.statement import (
    STATEMENT_KIND,
    DecisionLeaf,
    DecisionReason,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.v1 import escrow_pb2, types_pb2
from proto.wire import WireFault
from runtime.identity import card, create_identity, load_identity
from runtime.tls import pinned_channel_credentials, pinned_channel_options

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
LOCK_US = 30 * SECOND_US  # of the transactions here: within what any registrar accepts
PIECES = 40  # enough for every rule, some of which keep what they have moved
TIMEOUT_S = 10.0
SERVICE = "/pledgeway.v1.Registrar"

# ---------------------------------------------------------------- a registry that anybody can be


def _key(label: str) -> SigningKey:
    return SigningKey(sha256(b"conformance " + label.encode()).digest())


OPERATOR, ONLINE, COMMITTER = _key("operator"), _key("online"), _key("committer")
GIVER, TAKER, STRANGER = _key("giver"), _key("taker"), _key("stranger")


def _record() -> Any:
    root = Root(1, (OPERATOR.public,), 1)
    owner = registry_id(root.encode())
    online = KeyCertificate(owner, KeyPurpose.STATEMENT, ONLINE.public, 0, 2**62)
    message = types_pb2.RegistryRecord(
        registry_key_id=owner,
        roots=[sign_root(root, [OPERATOR])],
        keys=[certify_key(OPERATOR, online)],
        name="conformance check, not for use",
        grpc_target="localhost:1",
        archive_url="http://localhost:2/commit/%s",
        log_origin="example.net/check",
        protocol_version="pledgeway.v1",
        sequence=1,
        expires_at_us=2**62,
        max_error_us=250_000,
        guard_us=2 * SECOND_US,
        min_lead_us=SECOND_US // 2,
        max_deadline_us=30 * DAY_US,
        mmd_us=60 * SECOND_US,
        declared_clock=True,
        leap="smear",
    )
    return read_record(sign_record(message, [OPERATOR]))


RECORD = _record()
POLICY = RegistryPolicy((RECORD.registry,), 1, 1)


def _stated(leaf: DecisionLeaf, key: SigningKey = ONLINE) -> SignedStatement:
    data = Statement(RECORD.registry, leaf.encode(), RECORD.log_origin, 7).encode()
    return SignedStatement(data, (sign(key, STATEMENT_KIND, data),))


def committed(decided: Descriptor, key: SigningKey = ONLINE) -> CommitCertificate:
    """The registry's word that it is to be. `key`: another forges it."""
    data = decided.encode()
    evidence = Evidence((sign_share(COMMITTER, commit_id(data)),), ()).encode()
    d_us = decided.deadline_us
    times = (d_us, d_us, d_us - SECOND_US, 1000)
    named = (commit_id(data), Outcome.COMMITTED, DecisionReason.COMMIT)
    leaf = DecisionLeaf(*named, *times, evidence_hash(evidence))
    return CommitCertificate(Commit(data, evidence), (_stated(leaf, key),))


def aborted(decided: Descriptor, key: SigningKey = ONLINE) -> AbortCertificate:
    """The registry's word that it is not to be."""
    data, limit_us = decided.encode(), decided.limit_us
    times = (decided.deadline_us, limit_us, limit_us + 2 * SECOND_US + 1001, 1000)
    named = (commit_id(data), Outcome.NOT_COMMITTED, DecisionReason.DEADLINE)
    return AbortCertificate(data, (_stated(DecisionLeaf(*named, *times, b""), key),))


# ---------------------------------------------------------------- who is asked


def now_us() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Deal:
    """One transaction with one leg, and the two holds that it goes between."""

    decided: Descriptor
    opening: Opening
    source: bytes
    destination: bytes

    @property
    def data(self) -> bytes:
        return self.decided.encode()

    @property
    def commit(self) -> bytes:
        return commit_id(self.data)


class Target:
    """A registrar, and two accounts of one thing that it keeps."""

    def __init__(self, channel: grpc.Channel, registrar: NodeId, brand: bytes = b"") -> None:
        """`brand`: which thing; empty: the first one of which the giver has PIECES."""
        self._channel, self.node = channel, registrar
        self.right = self._find(brand)
        self.brand = self.right.brand.guid
        self.accounts = {who.node_id: self._open(who) for who in (GIVER, TAKER)}

    def token(self, who: SigningKey, kind: str) -> bytes:
        """A capability of an account: the same in every run, so that accounts do not pile up."""
        return sha256(who.seed + self.node + self.right.brand.guid + kind.encode()).digest()

    def _find(self, brand: bytes) -> Right:
        for right in self.described():
            if right.brand.guid == brand or (not brand and right.supply >= PIECES):
                return right
        raise AssertionError(f"it keeps no thing with at least {PIECES} pieces")

    def described(self) -> list[Right]:
        """Everything that it keeps, as it describes it itself."""
        call = self._channel.unary_unary(
            f"{SERVICE}/Describe",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=escrow_pb2.DescribeReply.FromString,
        )
        found: list[Right] = []
        while True:
            after = found[-1].brand.guid if found else b""
            reply = call(escrow_pb2.DescribeRequest(after=after), timeout=TIMEOUT_S)
            found += [read_right(one.SerializeToString()) for one in reply.rights]
            if not reply.more:
                return found

    def post(self, method: str, signed: bytes) -> bytes:
        """The bytes of its answer. grpc.RpcError."""
        call = self._channel.unary_unary(f"{SERVICE}/{method}")
        return bytes(call(signed, timeout=TIMEOUT_S))

    def batch(self, who: SigningKey, *ops: Op, **changes: Any) -> OpBatch:
        batch = OpBatch(who.node_id, self.node, os.urandom(16), now_us(), ops)
        return replace(batch, **changes)

    def ask(self, who: SigningKey, *ops: Op, **changes: Any) -> BatchReply:
        batch = self.batch(who, *ops, **changes)
        return read_reply(self.post("Batch", sign_asked(who, batch)), batch)

    def do(self, who: SigningKey, *ops: Op) -> Any:
        """The results of a batch that must be done."""
        reply = self.ask(who, *ops)
        assert reply.refusal is None, f"refused: {reply.refusal}"
        return reply.results

    def no(self, who: SigningKey, error: E, *ops: Op, **changes: Any) -> int:
        """A batch that must be refused so; the figure."""
        refusal = self.ask(who, *ops, **changes).refusal
        assert refusal is not None and refusal.error is error, f"{error.name} expected: {refusal}"
        return refusal.figure

    def _open(self, who: SigningKey, label: bytes = b"") -> bytes:
        kind = "account" + label.hex()
        tokens = (self.token(who, kind), self.token(who, "terms" + label.hex()))
        named = (who.node_id, self.node, os.urandom(16), now_us(), self.right.brand.guid)
        asked = OpenAccount(*named, *tokens, label)
        reply = read_reply(self.post("Open", sign_asked(who, asked)), asked)
        assert reply.refusal is None, f"no account: {reply.refusal}"
        assert len(reply.results) == 2, "an account without terms: the brand needs open terms"
        return reply.results[0].account

    def balance(self, who: SigningKey) -> int:
        """In the account; holds are counted apart."""
        return int(self.do(who, Look(self.token(who, "account")))[0].amount)

    def has(self, hold: bytes) -> int:
        """In a hold."""
        return int(self.do(STRANGER, Look(hold))[0].amount)

    def enter(self, lock_us: int = LOCK_US, amount: int = 1, **changes: Any) -> Deal:
        """Both sides' holds, and a decision about one leg between them. `changes`: "leg" or
        "policy" otherwise than they should be, "tied" to another commit."""
        source, destination = os.urandom(32), os.urandom(32)
        tied = changes.pop("tied", b"")
        self.do(GIVER, Offer(self.token(GIVER, "account"), amount, source, tied))
        self.do(TAKER, Accept(self.token(TAKER, "account"), destination))
        carrier = RightCarrier(self.node, *self.accounts.values())
        leg = Leg(1, self.brand, amount, "giver", "taker", carrier)
        leg = replace(leg, **changes.pop("leg", {}))
        root, openings = plant([leg], [os.urandom(32)])
        decided = Descriptor(
            salt=os.urandom(32),
            deadline_us=now_us() + lock_us,
            policy=changes.pop("policy", POLICY),
            committers=(COMMITTER.public,),
            threshold=1,
            terms_root=root,
        )
        assert not changes
        return Deal(decided, openings[0], source, destination)

    def prepare(self, deal: Deal) -> Prepare:
        terms = self.token(GIVER, "terms")
        return Prepare(terms, deal.source, deal.destination, deal.data, deal.opening)

    def locked(self) -> Deal:
        """A prepared leg."""
        deal = self.enter()
        self.do(GIVER, self.prepare(deal))
        return deal

    def refund(self, hold: bytes) -> Refund:
        return Refund(self.token(GIVER, "account"), hold)


# ---------------------------------------------------------------- the rules

RULES: dict[str, Callable[[Target], None]] = {}


def rule(check: Callable[[Target], None]) -> Callable[[Target], None]:
    """One more rule, under its name."""
    RULES[check.__name__] = check
    return check


@rule
def describes_what_it_keeps(t: Target) -> None:
    assert t.right.registrar == t.node and t.right.brand.issuer == t.node
    assert POLICY in t.right.policies, "it does not accept check.record"
    assert t.right.longest_lock_us >= LOCK_US


@rule
def an_account_opened_twice_is_the_same(t: Target) -> None:
    again = {who.node_id: t._open(who) for who in (GIVER, TAKER)}
    assert again == t.accounts


@rule
def an_account_under_a_label_is_another_one(t: Target) -> None:
    """A node opens one for each of its people, and none of them may see what the others have."""
    label = sha256(t.brand).digest()[:16]
    theirs = t._open(GIVER, label)
    assert theirs == t._open(GIVER, label) and theirs not in t.accounts.values()
    assert t.do(GIVER, Look(t.token(GIVER, "account" + label.hex())))[0].amount == 0
    t.no(STRANGER, E.NOT_ALLOWED, Look(t.token(GIVER, "account" + label.hex())))


@rule
def capabilities_are_bound_to_their_node(t: Target) -> None:
    t.no(STRANGER, E.NOT_ALLOWED, Offer(t.token(GIVER, "account"), 1, os.urandom(32)))
    t.no(STRANGER, E.NOT_ALLOWED, Look(t.token(GIVER, "account")))
    deal = t.enter()
    t.no(TAKER, E.NOT_ALLOWED, t.prepare(deal))
    t.do(GIVER, t.refund(deal.source))


@rule
def a_batch_asked_again_has_one_effect_and_one_answer(t: Target) -> None:
    before, hold = t.balance(GIVER), os.urandom(32)
    asked = t.batch(GIVER, Offer(t.token(GIVER, "account"), 2, hold))
    signed = sign_asked(GIVER, asked)
    first, second = t.post("Batch", signed), t.post("Batch", signed)
    assert first == second, "the same question got two answers"
    assert t.balance(GIVER) == before - 2
    other = Offer(t.token(GIVER, "account"), 3, os.urandom(32))
    t.no(GIVER, E.REPEATED_OTHERWISE, other, id=asked.id)
    assert t.balance(GIVER) == before - 2
    # The id is the sender's own: somebody else's batch of the same id is another one.
    assert t.ask(TAKER, Look(t.token(TAKER, "account")), id=asked.id).refusal is None
    t.do(GIVER, t.refund(hold))


@rule
def a_batch_is_done_whole_or_not_at_all(t: Target) -> None:
    before, deal = t.balance(GIVER), t.enter()
    mine = Offer(t.token(GIVER, "account"), 1, hold := os.urandom(32))
    t.no(GIVER, E.WRONG_BRAND, mine, t.refund(deal.source), t.refund(deal.destination))
    assert t.balance(GIVER) == before - 1
    t.no(STRANGER, E.NOT_YET, Cancel(hold, deal.data, deal.opening))
    t.do(GIVER, t.refund(deal.source))


@rule
def results_are_used_within_a_batch(t: Target) -> None:
    before = t.balance(GIVER)
    mine = Offer(t.token(GIVER, "account"), 1, os.urandom(32))
    _, refunded = t.do(GIVER, mine, Refund(t.token(GIVER, "account"), ResultOf(0)))
    assert refunded.amount == 1 and t.balance(GIVER) == before
    t.no(GIVER, E.MALFORMED, Refund(t.token(GIVER, "account"), ResultOf(0)))


@rule
def nobody_offers_what_he_has_not(t: Target) -> None:
    has = t.balance(GIVER)
    hold = os.urandom(32)
    assert t.no(GIVER, E.INSUFFICIENT_FUNDS, Offer(t.token(GIVER, "account"), has + 3, hold)) == 3
    for amount in (0, 2**63, 2**64 - 1):
        t.no(GIVER, E.BAD_LOT, Offer(t.token(GIVER, "account"), amount, hold))
    t.no(STRANGER, E.NOT_ALLOWED, Look(os.urandom(32)))


@rule
def a_refund_happens_once(t: Target) -> None:
    before, hold = t.balance(GIVER), os.urandom(32)
    t.do(GIVER, Offer(t.token(GIVER, "account"), 2, hold))
    assert t.do(GIVER, t.refund(hold))[0].amount == 2
    assert t.no(GIVER, E.GONE, t.refund(hold)) == 2
    assert t.balance(GIVER) == before
    t.no(GIVER, E.REPEATED_OTHERWISE, Offer(t.token(GIVER, "account"), 1, hold))


@rule
def a_promise_says_what_was_asked(t: Target) -> None:
    deal = t.enter()
    result = t.do(GIVER, t.prepare(deal))[0]
    promise = read_leg_promise(result.promise)
    assert (promise.commit, promise.registrar) == (deal.commit, t.node)
    assert promise.leg == deal.opening.term and promise.to == capability_hash(deal.destination)
    assert t.do(GIVER, t.prepare(deal))[0].promise == result.promise, "another promise of one leg"
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def what_is_promised_is_out_of_reach(t: Target) -> None:
    deal = t.locked()
    t.no(GIVER, E.LOCKED, t.refund(deal.source))
    t.no(TAKER, E.LOCKED, Refund(t.token(TAKER, "account"), deal.destination))
    t.no(GIVER, E.LOCKED, Cancel(deal.source, deal.data, deal.opening))
    other = replace(t.enter(), source=deal.source)
    t.no(GIVER, E.LOCKED, t.prepare(other))
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def a_commit_delivers_once_from_anybody(t: Target) -> None:
    giver, taker = t.balance(GIVER), t.balance(TAKER)
    deal = t.locked()
    for _ in range(2):
        states = t.do(STRANGER, Settle(committed(deal.decided)))[0].legs
        assert [(s.no, s.phase) for s in states] == [(1, LegPhase.DELIVERED)]
        assert t.has(deal.destination) == 1
    t.no(GIVER, E.FENCED, t.prepare(deal))
    assert t.do(TAKER, Refund(t.token(TAKER, "account"), deal.destination))[0].amount == 1
    assert (t.balance(GIVER), t.balance(TAKER)) == (giver - 1, taker + 1)


@rule
def an_abort_returns_once_to_the_account(t: Target) -> None:
    giver = t.balance(GIVER)
    deal = t.locked()
    assert t.balance(GIVER) == giver - 1
    for _ in range(2):
        states = t.do(STRANGER, Settle(aborted(deal.decided)))[0].legs
        assert [(s.no, s.phase) for s in states] == [(1, LegPhase.RETURNED)]
        assert t.balance(GIVER) == giver
    assert t.has(deal.destination) == 0
    t.no(GIVER, E.FENCED, t.prepare(deal))
    assert t.do(TAKER, Refund(t.token(TAKER, "account"), deal.destination))[0].amount == 0


@rule
def an_abort_after_a_commit_changes_nothing(t: Target) -> None:
    giver = t.balance(GIVER)
    deal = t.locked()
    t.do(STRANGER, Settle(committed(deal.decided)))
    states = t.do(STRANGER, Settle(aborted(deal.decided)))[0].legs
    assert [s.phase for s in states] == [LegPhase.DELIVERED]
    assert (t.balance(GIVER), t.has(deal.destination)) == (giver - 1, 1)


@rule
def a_commit_after_an_abort_is_not_lost(t: Target) -> None:
    giver, taker = t.balance(GIVER), t.balance(TAKER)
    deal = t.locked()
    t.do(STRANGER, Settle(aborted(deal.decided)))
    states = t.do(STRANGER, Settle(committed(deal.decided)))[0].legs
    assert [s.phase for s in states] == [LegPhase.DELIVERED]
    assert t.balance(TAKER) + t.has(deal.destination) == taker + 1
    assert t.balance(GIVER) == giver - 1


@rule
def a_commit_after_what_came_back_is_spent_is_a_claim(t: Target) -> None:
    deal, everything = t.locked(), os.urandom(32)
    t.do(STRANGER, Settle(aborted(deal.decided)))
    taker, has = t.balance(TAKER), t.balance(GIVER)
    t.do(GIVER, Offer(t.token(GIVER, "account"), has, everything))
    states = t.do(STRANGER, Settle(committed(deal.decided)))[0].legs
    assert [s.phase for s in states] == [LegPhase.CLAIMED]
    assert (t.balance(TAKER), t.has(deal.destination), t.balance(GIVER)) == (taker, 0, 0)
    t.do(GIVER, t.refund(everything))


@rule
def certificates_are_verified(t: Target) -> None:
    deal = t.locked()
    t.no(STRANGER, E.BAD_CERTIFICATE, Settle(committed(deal.decided, STRANGER)))
    t.no(STRANGER, E.BAD_CERTIFICATE, Settle(aborted(deal.decided, STRANGER)))
    wrong = committed(replace(deal.decided, salt=os.urandom(32)))
    swapped = CommitCertificate(committed(deal.decided).commit, wrong.statements)
    t.no(STRANGER, E.BAD_CERTIFICATE, Settle(swapped))
    t.no(GIVER, E.LOCKED, t.refund(deal.source))
    assert t.has(deal.destination) == 0
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def a_certificate_about_nothing_here_is_harmless(t: Target) -> None:
    deal = t.enter()
    assert t.do(STRANGER, Settle(committed(deal.decided)))[0].legs == ()
    t.do(GIVER, t.refund(deal.source))


@rule
def a_cancel_before_its_prepare_fences_it(t: Target) -> None:
    deal = t.enter()
    states = t.do(GIVER, Cancel(deal.source, deal.data, deal.opening))[0].legs
    assert [s.phase for s in states] == [LegPhase.FENCED]
    t.no(GIVER, E.FENCED, t.prepare(deal))
    t.do(GIVER, Cancel(deal.source, deal.data, deal.opening))
    t.do(STRANGER, Settle(committed(deal.decided)))
    assert t.has(deal.destination) == 0
    assert t.do(GIVER, t.refund(deal.source))[0].amount == 1


@rule
def fences_do_not_pile_up_for_ever(t: Target) -> None:
    deal = t.enter(500 * DAY_US)
    t.no(GIVER, E.LOCK_TOO_LONG, Cancel(deal.source, deal.data, deal.opening))
    t.do(GIVER, t.refund(deal.source))


@rule
def only_its_giver_fences_a_leg(t: Target) -> None:
    deal = t.enter()
    t.no(TAKER, E.BAD_LEG, Cancel(deal.destination, deal.data, deal.opening))
    t.do(GIVER, t.prepare(deal))
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def a_tied_hold_serves_its_transaction_alone(t: Target) -> None:
    deal = t.enter(tied=os.urandom(32))
    t.no(GIVER, E.NOT_ALLOWED, t.prepare(deal))
    assert t.do(GIVER, t.refund(deal.source))[0].amount == 1
    deal = t.enter()
    tied = os.urandom(32)
    t.do(TAKER, Accept(t.token(TAKER, "account"), tied, os.urandom(32)))
    t.no(GIVER, E.NOT_ALLOWED, t.prepare(replace(deal, destination=tied)))
    own = os.urandom(32)
    t.do(TAKER, Accept(t.token(TAKER, "account"), own, deal.commit))
    deal = replace(deal, destination=own)
    t.do(GIVER, t.prepare(deal))
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def a_leg_is_what_its_terms_say(t: Target) -> None:
    away = RightCarrier(STRANGER.node_id, *t.accounts.values())
    turned = RightCarrier(t.node, *reversed(t.accounts.values()))
    for changes in ({"amount": 2}, {"brand": bytes(16)}, {"carrier": away}, {"carrier": turned}):
        deal = t.enter(leg=changes)
        t.no(GIVER, E.BAD_LEG, t.prepare(deal))
        t.do(GIVER, t.refund(deal.source))
    deal, other = t.enter(), t.enter()
    t.no(GIVER, E.BAD_LEG, t.prepare(replace(deal, opening=other.opening)))
    t.no(GIVER, E.BAD_DESCRIPTOR, replace(t.prepare(deal), descriptor=b"\x08\x01"))
    for one in (deal, other):
        t.do(GIVER, t.refund(one.source))


@rule
def locks_are_bounded(t: Target) -> None:
    other = RegistryPolicy((sha256(b"unknown").digest(),), 1, 1)
    longest_us = t.right.longest_lock_us
    for lock_us, policy, error in (
        (LOCK_US, other, E.POLICY_NOT_ACCEPTED),
        (longest_us + 60 * SECOND_US, POLICY, E.LOCK_TOO_LONG),
        (SECOND_US, POLICY, E.TOO_LATE),
        (-SECOND_US, POLICY, E.TOO_LATE),
    ):
        deal = t.enter(lock_us, policy=policy)
        t.no(GIVER, error, t.prepare(deal))
        t.do(GIVER, t.refund(deal.source))


@rule
def a_hold_takes_no_more_than_was_accepted(t: Target) -> None:
    deal, small = t.enter(amount=2), os.urandom(32)
    t.do(TAKER, Accept(t.token(TAKER, "account"), small, b"", 1))
    assert t.no(GIVER, E.ABOVE_CEILING, t.prepare(replace(deal, destination=small))) == 1
    t.do(GIVER, t.refund(deal.source))


@rule
def what_is_promised_into_a_hold_counts_in_it(t: Target) -> None:
    first, second, one = t.enter(), t.enter(), os.urandom(32)
    t.do(TAKER, Accept(t.token(TAKER, "account"), one, b"", 1))
    t.do(GIVER, t.prepare(first := replace(first, destination=one)))
    full = t.prepare(replace(second, destination=one))
    assert t.no(GIVER, E.ABOVE_CEILING, full) == 1
    t.do(STRANGER, Settle(aborted(first.decided)))
    t.do(GIVER, full)
    t.do(STRANGER, Settle(aborted(second.decided)))


@rule
def what_is_on_its_way_is_waited_for(t: Target) -> None:
    deal = t.enter()
    unknown = replace(deal, destination=os.urandom(32))
    asked = t.batch(GIVER, t.prepare(unknown))
    signed = sign_asked(GIVER, asked)
    refusal = read_reply(t.post("Batch", signed), asked).refusal
    assert refusal is not None and refusal.error is E.NOT_YET
    t.do(TAKER, Accept(t.token(TAKER, "account"), unknown.destination))
    # The very same question, as an outbox repeats it: NOT_YET must not have been kept.
    assert read_reply(t.post("Batch", signed), asked).refusal is None
    t.do(STRANGER, Settle(aborted(deal.decided)))


@rule
def old_questions_are_stale(t: Target) -> None:
    look = Look(t.token(GIVER, "account"))
    t.no(GIVER, E.STALE, look, sent_at_us=now_us() - 31 * DAY_US)
    t.no(GIVER, E.STALE, look, sent_at_us=now_us() + DAY_US)


@rule
def batches_of_others_are_not_answered(t: Target) -> None:
    look = t.batch(GIVER, Look(t.token(GIVER, "account")))
    elsewhere = replace(look, receiver=STRANGER.node_id)
    forged = bytearray(sign_asked(GIVER, look))
    forged[-1] ^= 1
    cases = (sign_asked(GIVER, elsewhere), sign_asked(STRANGER, look), bytes(forged), b"\xff")
    for signed in cases:
        try:
            t.post("Batch", signed)
        except grpc.RpcError:
            continue
        raise AssertionError("it answers a batch that is not signed by its sender, to it")


# ---------------------------------------------------------------- commands


def init(directory: Path) -> None:
    """What the registrar's operator needs."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "check.record").write_bytes(RECORD.signed)
    seeds = iter([GIVER.seed])
    create_identity(directory, now_us(), lambda count: next(seeds, None) or os.urandom(count))
    line = card(load_identity(directory), "conformance giver", "")
    (directory / "giver.card").write_text(line + "\n")
    print(f"have it accept {directory / 'check.record'}")
    print(f"and give {PIECES} pieces of one thing to {directory / 'giver.card'}")


def check(target: Target) -> int:
    """Prints a line for each rule; how many do not hold."""
    if target.balance(GIVER) < PIECES // 2:
        raise AssertionError(f"the giver has {target.balance(GIVER)} pieces: give him {PIECES}")
    failed = 0
    for name, holds in RULES.items():
        try:
            holds(target)
            print(f"ok    {name}")
        except (AssertionError, WireFault, grpc.RpcError) as fault:
            failed += 1
            print(f"FAILS {name}: {str(fault) or 'see the source of this rule'}")
    return failed


def run(text: str, brand: bytes) -> int:
    """0: every rule holds."""
    read = read_card(text, now_us())
    if not read.service:
        raise WireFault("a card without the address of a service")
    channel = grpc.secure_channel(
        read.service,
        pinned_channel_credentials(read.tls_certificate),
        pinned_channel_options(read.tls_certificate),
    )
    with channel:
        return 1 if check(Target(channel, read.node, brand)) else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("directory", type=Path)
    running = commands.add_parser("run")
    running.add_argument("card", type=Path)
    running.add_argument("--brand", type=bytes.fromhex, default=b"")
    arguments = parser.parse_args()
    try:
        if arguments.command == "init":
            init(arguments.directory)
            return 0
        return run(arguments.card.read_text().strip(), arguments.brand)
    except (AssertionError, WireFault, OSError) as fault:
        print(f"conformance: {fault}", file=sys.stderr)
        return 2
    except grpc.RpcError as error:
        says = getattr(error, "details", lambda: "nothing")()
        print(f"conformance: it does not answer: {says}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
