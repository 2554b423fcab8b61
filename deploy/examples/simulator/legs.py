"""Titles under a decision: prepared legs lie where no owner can touch them, and a certificate alone
ends them (README, "What it must never do")."""

from typing import Any

from books import Books, refuse

from proto.certificate import (
    Certificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.escrow import ops
from proto.escrow.legs import Leg, LegPromise, RightCarrier, sign_leg_promise
from proto.escrow.ops import CapabilityKind, LegPhase, LegState, OpResult
from proto.escrow.ops import RegistrarError as E
from proto.escrow.rights import read_right
from proto.escrow.terms import Opening
from proto.lateness import dominates
from proto.limits import GUARD_US, MAX_LOCK_US, MIN_LEAD_US
from proto.wire import WireFault

MARGIN_US = 3 * MIN_LEAD_US  # a promise must still reach its receiver, and his share the registry


class Registrar(Books):
    """Books that can also promise."""

    def legs(self, *phases: LegPhase) -> list[tuple[bytes, int, LegPhase]]:
        """(commit_id, number, phase) of those in these phases."""
        with self._lock:
            rows = self._db.execute("SELECT commit_id, no, phase FROM leg ORDER BY commit_id, no")
            found = [(c, n, LegPhase(phase)) for c, n, phase in rows]
        return [leg for leg in found if leg[2] in phases]

    def undecided(self) -> list[bytes]:
        """Descriptors of prepared legs about which the registries must have decided by now."""
        with self._lock:
            query = "SELECT DISTINCT descriptor FROM leg WHERE phase = ? AND final_us < ?"
            rows = self._db.execute(query, (LegPhase.PREPARED, self._now_us()))
            return [row["descriptor"] for row in rows]

    def settle(self, certificate: Certificate) -> None:
        """Applies a decision that was found by asking. Refused: BAD_CERTIFICATE."""
        with self._transaction():
            self._settle(certificate)

    # ------------------------------------------------------------------ the ops

    def _apply(self, sender: bytes, op: ops.Op) -> OpResult:
        match op:
            case ops.Prepare():
                return self._prepare(sender, op)
            case ops.Cancel():
                return self._cancel(op)
            case ops.Settle(certificate):
                return self._settle(certificate)
            case _:
                return super()._apply(sender, op)

    def _terms(self, descriptor: bytes, opening: Opening) -> tuple[Descriptor, Leg, RightCarrier]:
        """What is to move, if this is among the terms that the descriptor stands for."""
        try:
            decided = decode_descriptor(descriptor)
        except DescriptorInvalid:
            refuse(E.BAD_DESCRIPTOR)
        try:
            leg = opening.term if opening.opens(decided.terms_root) else None
        except WireFault:
            leg = None
        if not isinstance(leg, Leg) or not isinstance(leg.carrier, RightCarrier):
            refuse(E.BAD_LEG)
        if leg.carrier.registrar != self._key.node_id:
            refuse(E.BAD_LEG)
        return decided, leg, leg.carrier

    def _leg(self, commit: bytes, no: int) -> Any:
        return self._one("SELECT * FROM leg WHERE commit_id = ? AND no = ?", commit, no)

    def _prepare(self, sender: bytes, op: ops.Prepare) -> OpResult:
        commit = commit_id(op.descriptor)
        decided, leg, carrier = self._terms(op.descriptor, op.leg)
        source, destination = self._hold(op.source), self._hold(op.destination)
        holds = (source["hash"], destination["hash"])
        known = self._leg(commit, leg.no)
        if known is not None:
            same = holds == (known["source_hold"], known["destination_hold"])
            if known["phase"] != LegPhase.PREPARED or not same:
                refuse(E.FENCED)  # written once: cancelled before, ended, or about other holds
            return OpResult(
                holds[0], known["amount"], leg.brand, source["account"], known["promise"]
            )
        terms = self._account(sender, op.terms, CapabilityKind.TERMS)
        source, destination = self._open_hold(op.source), self._open_hold(op.destination)
        if {source["brand"], destination["brand"]} != {terms["brand"]}:
            refuse(E.WRONG_BRAND)
        if holds[0] == holds[1]:
            refuse(E.NOT_ALLOWED)
        if source["locks"]:
            refuse(E.LOCKED)
        right = read_right(self.described(terms["brand"]))
        lock_us = decided.deadline_us - self._now_us()
        if decided.policy not in right.policies:
            refuse(E.POLICY_NOT_ACCEPTED)
        if lock_us > right.longest_lock_us:
            refuse(E.LOCK_TOO_LONG, lock_us - right.longest_lock_us)
        if lock_us < MARGIN_US:
            refuse(E.TOO_LATE, MARGIN_US - lock_us)
        if not {source["only_for"], destination["only_for"]} <= {b"", commit}:
            refuse(E.NOT_ALLOWED)  # tied to another transaction
        accounts = (source["account"], destination["account"])
        if leg.brand != terms["brand"] or (carrier.source, carrier.destination) != accounts:
            refuse(E.BAD_LEG)
        if leg.amount != source["amount"]:
            refuse(E.BAD_LEG, source["amount"])
        if leg.amount > destination["room"]:
            refuse(E.ABOVE_CEILING, leg.amount - destination["room"])
        # From here on it succeeds, and a certificate alone ends it: not its owner, and not us.
        me = self._key.node_id
        word = LegPromise(commit, leg, leg.amount, 0, holds[1], me)
        promise = sign_leg_promise(self._key, word)
        final_us = decided.limit_us + GUARD_US
        self._db.execute(
            "INSERT INTO leg VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (commit, leg.no, LegPhase.PREPARED, accounts[0], holds[0], accounts[1], holds[1],
             leg.amount, final_us, op.descriptor, promise),
        )  # fmt: skip
        self._db.execute("UPDATE hold SET amount = 0, locks = 1 WHERE hash = ?", holds[:1])
        query = "UPDATE hold SET room = room - ?, locks = locks + 1 WHERE hash = ?"
        self._db.execute(query, (leg.amount, holds[1]))
        return OpResult(holds[0], leg.amount, leg.brand, accounts[0], promise)

    def _cancel(self, op: ops.Cancel) -> OpResult:
        commit = commit_id(op.descriptor)
        decided, leg, carrier = self._terms(op.descriptor, op.leg)
        source = self._hold(op.source)
        if carrier.source != source["account"]:
            refuse(E.BAD_LEG)  # a stranger's leg: he could fence what others are about to prepare
        known = self._leg(commit, leg.no)
        if known is not None and known["phase"] != LegPhase.FENCED:
            refuse(E.LOCKED if known["phase"] == LegPhase.PREPARED else E.FENCED)
        if decided.deadline_us > self._now_us() + MAX_LOCK_US:
            refuse(E.LOCK_TOO_LONG, decided.deadline_us - self._now_us() - MAX_LOCK_US)
        if known is None:
            query = "INSERT INTO leg (commit_id, no, phase, final_us) VALUES (?, ?, ?, ?)"
            final_us = decided.limit_us + GUARD_US
            self._db.execute(query, (commit, leg.no, LegPhase.FENCED, final_us))
        state = LegState(commit, leg.no, LegPhase.FENCED)
        return OpResult(source["hash"], legs=(state,))

    def _settle(self, shown: Certificate) -> OpResult:
        """From anybody, in any order, years later, and more than once."""
        commit, committed = shown.commit_id, isinstance(shown, CommitCertificate)
        query = "SELECT * FROM leg WHERE commit_id = ? AND phase != ?"
        legs = self._db.execute(query, (commit, LegPhase.FENCED)).fetchall()
        try:  # a stranger's certificate about nothing of ours is not worth the verification
            decided = self._judged(shown) if legs else None
        except CertificateInvalid:
            refuse(E.BAD_CERTIFICATE)
        for leg in legs:
            after = leg["phase"]
            if after == LegPhase.PREPARED:
                after = self._freed(leg, committed)
            elif after == LegPhase.RETURNED and isinstance(shown, CommitCertificate):
                assert decided is not None
                now_us = self._now_us()
                if dominates(shown, decided.deadline_us, self._records, {}, now_us):
                    after = self._delivered_late(leg)
            if after != leg["phase"]:
                query = "UPDATE leg SET phase = ?, certificate = ? WHERE commit_id = ? AND no = ?"
                self._db.execute(query, (after, shown.encode(), commit, leg["no"]))
        rows = self._db.execute(
            "SELECT no, phase FROM leg WHERE commit_id = ? ORDER BY no", (commit,)
        )
        return OpResult(legs=tuple(LegState(commit, no, LegPhase(phase)) for no, phase in rows))

    def _judged(self, shown: Certificate) -> Descriptor:
        # All of it, by our own records of the registries: never a coordinator's word for it.
        if isinstance(shown, CommitCertificate):
            return verify_commit_certificate(shown, self._records, self._now_us())
        return verify_abort_certificate(shown, self._records, self._now_us())

    def _freed(self, leg: Any, committed: bool) -> LegPhase:
        ends = (leg["source_hold"], leg["destination_hold"])
        self._db.execute("UPDATE hold SET locks = locks - 1 WHERE hash IN (?, ?)", ends)
        if not committed:
            self._add(leg["source"], leg["amount"])
        kept = "amount" if committed else "room"
        query = f"UPDATE hold SET {kept} = {kept} + ? WHERE hash = ?"
        self._db.execute(query, (leg["amount"], ends[1]))
        return LegPhase.DELIVERED if committed else LegPhase.RETURNED

    def _delivered_late(self, leg: Any) -> LegPhase:
        """A commit that counts more than the abort which returned it: somebody signed both."""
        query = "SELECT balance FROM account WHERE id = ?"
        if self._one(query, leg["source"])["balance"] < leg["amount"]:
            return (
                LegPhase.CLAIMED
            )  # it is spent: a person has to see to it, with both certificates
        self._add(leg["source"], -leg["amount"])
        self._add(leg["destination"], leg["amount"])
        return LegPhase.DELIVERED
