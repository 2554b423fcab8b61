"""True and near-miss fraud files of every kind, made by cheating registries; the same bytes always.

python -m tests.registry.fraud_corpus DIR    writes them, with what each of them must give
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from node.command.sim.cast import NOW_US, SECOND, signing_key
from proto.commit import Evidence
from proto.descriptor import Descriptor, commit_id
from proto.envelope import sign_batch
from proto.fraud.file import FraudProof, PrefixProof, SignedObservation
from proto.fraud.verdict import FraudFault, FraudKind, Ground
from proto.log_leaf import FenceLeaf
from proto.policy import RegistryPolicy
from proto.record_parts import KeyRevocation
from proto.statement import STATEMENT_KIND, SignedStatement, Statement
from registry.log import CommitShown, Logged, Query, Row, Subject
from tests.proto.build import make_commit
from tests.registry.build import DECLINE_HASH, ERROR_US, GUARD_US, decline_shown, subject
from tests.registry.cheating import MMD_US, WITNESSES, YEAR, CheatingRegistry, View

Expected = Ground | FraudFault
HONEST = CheatingRegistry("Honest")
AWAY_US = 40 * 86_400 * SECOND
MONITOR = signing_key("monitor")


@dataclass(frozen=True)
class Case:
    """A file and what a verifier must say of it."""

    name: str
    proof: FraudProof
    expected: Expected

    @property
    def kind(self) -> str:
        return self.proof.kind.label


def shown(d: Descriptor, evidence: bytes | None = None, relayed: int = 0) -> CommitShown:
    data = make_commit(d).evidence if evidence is None else evidence
    return CommitShown(subject(d), data, True, relayed)


def pair(label: str) -> tuple[CheatingRegistry, Descriptor, Row, Row]:
    """A registry that forgets its rows, a transaction, and both of its outcomes."""
    r = CheatingRegistry(f"E-{label}")
    d = r.descriptor(label, decline_hash=DECLINE_HASH)
    return r, d, r.decide(shown(d), NOW_US), r.decide(decline_shown(subject(d)), NOW_US + 1)


def late_us(s: Subject) -> int:
    return s.descriptor.limit_us + GUARD_US + ERROR_US + 1


def equivocations() -> Iterator[Case]:
    def case(name: str, r: CheatingRegistry, expected: Expected, *said: SignedStatement) -> Case:
        return Case(name, FraudProof(FraudKind.EQUIVOCATION, r.record.signed, said), expected)

    r, d, committed, declined = pair("one")
    first, second = r.state(committed), r.state(declined)
    yield case("both outcomes", r, Ground.TWO_DECISIONS, first, second)
    refused = r.state(r.decide(Query(subject(d)), late_us(subject(d))))
    yield case("two reasons", r, Ground.TWO_DECISIONS, second, refused)
    epoch = r.epoch(committed.leaf.commit_id, NOW_US + AWAY_US)
    yield case("committed and epoch", r, Ground.COMMITTED_AND_EPOCH, first, epoch)
    yield case("refused and epoch", r, FraudFault.SAME_OUTCOME, refused, epoch)
    again = r.epoch(committed.leaf.commit_id, NOW_US + AWAY_US + 1)
    yield case("two fences", r, FraudFault.SAME_OUTCOME, epoch, again)
    yield case("one leaf at two places", r, FraudFault.SAME_LEAF, first, r.state(committed))
    payloads = [(STATEMENT_KIND, first.statement), (STATEMENT_KIND, second.statement)]
    batched = SignedStatement(first.statement, (sign_batch(r.online, payloads)[0],))
    yield case("signed alone and in a batch", r, FraudFault.SAME_LEAF, first, batched)
    other = r.state(r.decide(shown(r.descriptor("other")), NOW_US))
    yield case("two transactions", r, FraudFault.OTHER_TRANSACTION, second, other)
    stranger = HONEST.signer.statement(Logged(declined, 0, YEAR))
    yield case("somebody else's", r, FraudFault.OTHER_REGISTRY, first, stranger)
    forged = r.sign(Statement.decode(second.statement), signing_key("thief"))
    yield case("a key never certified", r, FraudFault.SIGNATURE, first, forged)
    yield case("one statement", r, FraudFault.CONTENT, first)
    proven = tuple(
        replace(s, tlog_proof=r.view().proof(Statement.decode(s.statement).log_index))
        for s in (first, second)
    )
    for name, at_us, said, expected in (
        ("revoked key, unlogged", NOW_US + 60, (first, second), FraudFault.DEAD_KEY),
        ("revoked key, logged before", NOW_US + 60, proven, Ground.TWO_DECISIONS),
        ("revoked key, decided after", NOW_US - 1, proven, FraudFault.DEAD_KEY),
    ):
        record = r.make_record((KeyRevocation(r.online.public, at_us),), 2)
        proof = FraudProof(FraudKind.EQUIVOCATION, record.signed, said)
        yield Case(name, proof, expected)


def decisions() -> Iterator[Case]:
    r = CheatingRegistry("E-two")

    def case(
        name: str, row: Row, expected: Expected, d: Descriptor, evidence: bytes | None = None
    ) -> Case:
        proof = FraudProof(
            FraudKind.INVALID_DECISION,
            r.record.signed,
            (r.state(row),),
            d.encode(),
            row.evidence if evidence is None else evidence,
        )
        return Case(name, proof, expected)

    d = r.descriptor("plain", decline_hash=DECLINE_HASH)
    good = r.decide(shown(d), NOW_US)
    last = r.decide(shown(d), d.deadline_us - ERROR_US)
    yield case("commit at its limit", last, FraudFault.SOUND, d)
    at_us = last.leaf.decided_at_us + 1
    yield case("late commit", r.altered(last, decided_at_us=at_us), Ground.LATE_COMMIT, d)
    early = r.altered(good, limit_us=d.limit_us + 1)
    yield case("limit of nobody", early, Ground.UNJUSTIFIED_LIMIT, d)
    bad = make_commit(replace(d, salt=bytes(32))).evidence
    wrong = r.decide(shown(d, bad), NOW_US)
    yield case("evidence for another", wrong, Ground.FAILED_EVIDENCE, d)
    yield case("other evidence", good, FraudFault.OTHER_EVIDENCE, d, bad)
    moved = r.altered(good, deadline_us=d.deadline_us - 1)
    yield case("another deadline", moved, Ground.WRONG_DEADLINE, d)
    refused = r.decide(Query(subject(d)), late_us(subject(d)))
    yield case("refused in time", refused, FraudFault.SOUND, d)
    barely = r.altered(refused, decided_at_us=d.limit_us + ERROR_US + 1)
    yield case("refused just behind the limit", barely, FraudFault.SOUND, d)
    early = r.altered(refused, decided_at_us=d.limit_us + ERROR_US)
    yield case("refused too early", early, Ground.EARLY_REFUSAL, d)
    declined = r.decide(decline_shown(subject(d)), NOW_US)
    yield case("declined", declined, FraudFault.SOUND, d)
    plain = replace(d, decline_hash=b"")
    unfounded = r.altered(declined, commit_id=commit_id(plain.encode()))
    yield case("declined without a decline hash", unfounded, Ground.UNFOUNDED_DECLINE, plain)
    shown_bytes = Evidence(preimages=(b"a guess",)).encode()
    guess = r.decide(replace(decline_shown(subject(d)), evidence=shown_bytes), NOW_US)
    yield case("declined by a guess", guess, Ground.UNFOUNDED_DECLINE, d)
    foreign = replace(d, policy=RegistryPolicy((HONEST.id,), 1, 1))
    elsewhere = r.altered(good, commit_id=commit_id(foreign.encode()))
    yield case("not asked", elsewhere, FraudFault.NOT_A_MEMBER, foreign)
    yield case("another descriptor", good, FraudFault.OTHER_TRANSACTION, plain)
    kind = FraudKind.INVALID_DECISION
    for name, closed_us, expected in (
        ("epoch before its time", d.deadline_us - 1, Ground.EARLY_EPOCH),
        ("epoch in time", d.deadline_us, FraudFault.SOUND),
    ):
        epoch = r.epoch(good.leaf.commit_id, closed_us)
        yield Case(name, FraudProof(kind, r.record.signed, (epoch,), d.encode()), expected)
    yield from relayed(r)


def relayed(r: CheatingRegistry) -> Iterator[Case]:
    policy = RegistryPolicy(tuple(sorted((r.id, HONEST.id))), 2, 1, 0, 2 * SECOND)
    d = r.descriptor("shared", policy=policy)
    honest = CheatingRegistry(HONEST.name)  # a log of its own: the same bytes at every call
    theirs = honest.state(honest.decide(shown(d), NOW_US))
    own = Evidence.decode(make_commit(d).evidence)
    tampered = replace(theirs, proofs=(replace(theirs.proofs[0], signature=bytes(64)),))
    for name, statements, expected in (
        ("limit by a relayed statement", (theirs,), FraudFault.SOUND),
        ("limit without a relayed statement", (), Ground.UNJUSTIFIED_LIMIT),
        ("limit by a broken signature", (tampered,), Ground.UNJUSTIFIED_LIMIT),
        (
            "limit by its own statement",
            (r.state(r.decide(shown(d), NOW_US)),),
            Ground.UNJUSTIFIED_LIMIT,
        ),
    ):
        evidence = replace(own, relayed=tuple(s.encode() for s in statements)).encode()
        row = r.decide(shown(d, evidence, 1), d.deadline_us + SECOND)
        proof = FraudProof(
            FraudKind.INVALID_DECISION,
            r.record.signed,
            (r.state(row),),
            d.encode(),
            evidence,
            records=(HONEST.record.signed,),
        )
        yield Case(name, proof, expected)


def logs() -> Iterator[Case]:
    r, _, committed, declined = pair("three")
    said = r.state(committed)
    lying, elsewhere = r.view().fork(), View("example.net/other/2026", r.log_key)
    lying.leaves[0] = declined.data
    shard = r.view(YEAR - 1)
    for view in (elsewhere, shard):
        view.add(declined.data)
    lying.add(committed.data)
    stolen = View(lying.origin, signing_key("thief"), lying.leaves)
    for name, leaf, expected in (
        ("another leaf in the log", lying.logged(0), Ground.OTHER_LEAF),
        ("the same leaf in the log", r.view().logged(0), FraudFault.SAME_LEAF),
        ("another leaf of another shard", shard.logged(0), FraudFault.OTHER_LOG),
        ("another leaf of another log", elsewhere.logged(0), FraudFault.OTHER_LOG),
        ("the same leaf further on", lying.logged(1), FraudFault.OTHER_INDEX),
        ("another leaf, unproven", replace(lying.logged(0), index=1), FraudFault.NOT_IN_LOG),
        ("a checkpoint of nobody", stolen.logged(0), FraudFault.CHECKPOINT),
    ):
        proof = FraudProof(FraudKind.ANSWER_DIFFERS, r.record.signed, (said,), leaves=(leaf,))
        yield Case(name, proof, expected)
    ours, notes = r.view(), FraudKind.SPLIT_VIEW
    for name, checkpoints, expected in (
        ("two roots", (ours.note(1), lying.note(1)), Ground.TWO_ROOTS),
        ("two sizes", (ours.note(1), lying.note(2)), FraudFault.OTHER_SIZE),
        (
            "one root, other cosigners",
            (ours.note(1), ours.note(1, NOW_US, WITNESSES)),
            FraudFault.SAME_ROOT,
        ),
        ("two shards", (ours.note(1), shard.note(1)), FraudFault.OTHER_LOG),
    ):
        yield Case(name, FraudProof(notes, r.record.signed, checkpoints=checkpoints), expected)
    proofs = {v: PrefixProof(v.checkpoint(1).root, v.consistency(1)) for v in (ours, lying)}
    made_up = replace(proofs[lying], root=bytes(32))
    for name, first, prefix, expected in (
        ("another past", ours.note(1), proofs[lying], Ground.OTHER_PAST),
        ("the same past", lying.note(1), proofs[lying], FraudFault.SAME_ROOT),
        ("a made-up past", lying.note(1), made_up, FraudFault.NO_PREFIX),
        ("a past of another log", ours.note(1), proofs[ours], FraudFault.NO_PREFIX),
    ):
        both = (first, lying.note(2))
        proof = FraudProof(notes, r.record.signed, checkpoints=both, prefix=prefix)
        yield Case(name, proof, expected)
    for name, leaves, expected in (
        ("two leaves at one index", (ours.logged(0), lying.logged(0)), Ground.TWO_LEAVES),
        (
            "one leaf under two checkpoints",
            (lying.logged(0), lying.logged(0, 1)),
            FraudFault.SAME_LEAF,
        ),
        ("one index of two logs", (ours.logged(0), shard.logged(0)), FraudFault.OTHER_LOG),
        ("two leaves at two indices", (lying.logged(0), lying.logged(1)), FraudFault.OTHER_INDEX),
    ):
        yield Case(name, FraudProof(notes, r.record.signed, leaves=leaves), expected)


def doubles() -> Iterator[Case]:
    r, d, committed, declined = pair("five")
    log, old, fork = r.view(), r.view(YEAR - 1), View(r.view().origin, r.log_key, [declined.data])
    fence = FenceLeaf(d.deadline_us).encode()
    refused = r.decide(Query(subject(d)), late_us(subject(d)))
    leaves = (committed.data, committed.data, declined.data, fence, committed.data, refused.data)
    for leaf in leaves:
        log.add(leaf)
    old.add(committed.data)
    early = log.add(FenceLeaf(d.deadline_us - 1).encode())
    behind = log.add(committed.data)
    old.add(fence)
    r_other = r.decide(shown(r.descriptor("other")), NOW_US)
    other = log.add(r_other.data)
    for name, one, two, expected in (
        ("two decisions", log.logged(0), log.logged(2), Ground.LOGGED_TWICE),
        ("one decision twice", log.logged(0), log.logged(1), Ground.LOGGED_TWICE),
        ("one decision once", log.logged(0), log.logged(0, 3), FraudFault.SAME_LEAF),
        ("two decisions at one index", log.logged(0), fork.logged(0), FraudFault.SAME_INDEX),
        ("two transactions", log.logged(0), log.logged(other), FraudFault.OTHER_TRANSACTION),
        ("one decision in two logs", log.logged(0), old.logged(0), FraudFault.OTHER_LOG),
        ("commit behind its fence", log.logged(3), log.logged(4), Ground.BEHIND_FENCE),
        ("the same the other way round", log.logged(4), log.logged(3), Ground.BEHIND_FENCE),
        ("commit before its fence", log.logged(1), log.logged(3), FraudFault.NOT_BEHIND),
        (
            "commit behind an earlier fence",
            log.logged(early),
            log.logged(behind),
            FraudFault.NOT_CLOSED,
        ),
        ("refusal behind its fence", log.logged(3), log.logged(5), FraudFault.SOUND),
        ("commit behind another log's fence", old.logged(1), log.logged(4), FraudFault.OTHER_LOG),
    ):
        proof = FraudProof(FraudKind.DOUBLE_LEAF, r.record.signed, leaves=(one, two))
        yield Case(name, proof, expected)


def late() -> Iterator[Case]:
    r, _, committed, _ = pair("six")
    view, shard = r.view(), r.view(YEAR - 1)
    view.add(FenceLeaf(1).encode())
    shard.add(FenceLeaf(1).encode())
    said = r.state(committed)
    after_us = NOW_US + MMD_US + SECOND
    on_time_us = NOW_US + MMD_US
    both, one = WITNESSES[:2], WITNESSES[:1]
    twice = view.note(1, after_us, (one[0], one[0]))
    timely = view.note(1, on_time_us, both)
    for name, note, expected in (
        ("late", view.note(1, after_us, both), None),
        ("at the last moment", timely, FraudFault.TOO_FEW),
        ("one witness", view.note(1, after_us, one), FraudFault.TOO_FEW),
        ("one witness twice", twice, FraudFault.TOO_FEW),
        ("with the leaf", view.note(2, after_us, both), FraudFault.COVERED),
        ("another log", shard.note(1, after_us, both), FraudFault.OTHER_LOG),
        ("without witnesses", view.note(1), FraudFault.TOO_FEW),
    ):
        proof = FraudProof(
            FraudKind.BACK_DATING, r.record.signed, leaves=(view.logged(1),), checkpoints=(note,)
        )
        yield Case(name, proof, expected or Ground.BACK_DATED)
        proof = FraudProof(FraudKind.WITHHOLDING, r.record.signed, (said,), checkpoints=(note,))
        yield Case(name, proof, expected or Ground.WITHHELD)
    epoch = r.epoch(committed.leaf.commit_id, NOW_US + AWAY_US)
    note = view.note(1, after_us, both)
    proof = FraudProof(FraudKind.WITHHOLDING, r.record.signed, (epoch,), checkpoints=(note,))
    yield Case("an answer by a fence", proof, FraudFault.NO_TIME)
    seen = SignedObservation.make(MONITOR, view.origin, after_us, view.note(1))
    proof = FraudProof(FraudKind.WITHHOLDING, r.record.signed, (said,), observations=(seen,))
    yield Case("a monitor that nobody named", proof, FraudFault.NO_QUORUM)


def corpus() -> list[Case]:
    """All of them, in a fixed order."""
    return [*equivocations(), *decisions(), *logs(), *doubles(), *late()]


def write(folder: Path) -> None:
    """One file each, and an index that says what a verifier must answer."""
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for number, case in enumerate(corpus()):
        name = f"{case.kind}-{number:02}.fraud"
        (folder / name).write_bytes(case.proof.encode())
        guilty = isinstance(case.expected, Ground)
        index.append(
            {"file": name, "what": case.name, "guilty": guilty, "answer": case.expected.name}
        )
    text = json.dumps({"now_us": NOW_US + AWAY_US, "files": index}, indent=1)
    (folder / "index.json").write_text(text + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
