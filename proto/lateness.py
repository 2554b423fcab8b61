"""Whether a statement was in its registry's log in time (registry section 8, "late stamps").

A registry can date a statement as it likes. What it cannot do alone is to have had it cosigned by
witnesses back then: their times come from their own clocks. So whoever is shown a statement long
after the fact, against a certificate that ended a promise, asks for a log proof with q of them.

Whoever has a registry's root can publish a record that names other witnesses. So a node pins them
when its owner accepts the registry (LateRule), and new ones count once the owner accepts it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from functools import lru_cache
from typing import Final

from proto.certificate import AbortCertificate, CommitCertificate
from proto.checkpoint import cosignature_times_s
from proto.limits import US
from proto.log_leaf import EPOCH_US
from proto.note import NoteKey
from proto.registry_record import RegistryRecord
from proto.shard import shard_of, shard_origin
from proto.statement import DecisionLeaf, SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from proto.wire import WireFault

PROOFS_KEPT: Final = 1024  # each is asked for several times while its payment ends

# A record that allows itself more would make its registry's late stamps timely by decree.
LONGEST_MMD_US: Final = 3600 * US


@dataclass(frozen=True, slots=True)
class LateRule:
    """So many of these witnesses must have cosigned in time; 0: plain statements suffice."""

    quorum: int
    witnesses: tuple[NoteKey, ...]


LateRules = Mapping[bytes, LateRule]
"""What a node has pinned, by registry; absent: what its record says."""


@unique
class Proven(IntEnum):
    """What a statement's log proof shows. More is better."""

    NOTHING = 0  # there is none, or it does not hold
    LOGGED = 1  # the leaf is in the log; nobody, or too few, say since when
    TIMELY = 2  # q witnesses had seen it within MMD of its decision


def mmd_us(record: RegistryRecord) -> int:
    """From a statement to its cosigned proof, at most."""
    return min(record.mmd_us, LONGEST_MMD_US)


def rule_in(record: RegistryRecord, quorum: int | None = None) -> LateRule:
    """The witnesses that the record names now, with the owner's number or the record's."""
    number = record.witness_quorum if quorum is None else quorum
    return LateRule(number, tuple(witness.key for witness in record.witnesses))


def rule_of(record: RegistryRecord, rules: LateRules) -> LateRule:
    """The rule of this registry: as it was pinned, else what its record says."""
    return rules.get(record.registry) or rule_in(record)


def proven(signed: SignedStatement, record: RegistryRecord, rule: LateRule) -> Proven:
    """What its proof shows by this registry's log keys and the rule's witnesses.

    The signature on the statement itself is not looked at, nor what it says.
    """
    if not signed.tlog_proof:
        return Proven.NOTHING
    try:
        statement = Statement.decode(signed.statement)
        leaf = DecisionLeaf.decode(statement.leaf)
        origin = shard_origin(record.log_origin, shard_of(leaf.deadline_us))
    except (WireFault, ValueError, OverflowError):
        return Proven.NOTHING
    if (statement.registry, statement.log_origin) != (record.registry, origin):
        return Proven.NOTHING
    times_s = _cosigned_s(
        signed.tlog_proof,
        statement.leaf,
        statement.log_index,
        record.log_note_keys(origin),
        rule.witnesses,
    )
    if times_s is None:
        return Proven.NOTHING
    until_us = leaf.decided_at_us + mmd_us(record)
    in_time = sum(time_s * US <= until_us for time_s in times_s)
    return Proven.TIMELY if 0 < rule.quorum <= in_time else Proven.LOGGED


@lru_cache(maxsize=PROOFS_KEPT)
def _cosigned_s(
    proof: bytes,
    leaf: bytes,
    index: int,
    log_keys: tuple[NoteKey, ...],
    witnesses: tuple[NoteKey, ...],
) -> tuple[int, ...] | None:
    """When the witnesses cosigned a checkpoint that has the leaf at this index; None: no proof."""
    try:
        read = LogProof.decode(proof)
    except WireFault:
        return None
    found = proven_in(read, leaf, log_keys) if read.index == index else None
    return None if found is None else tuple(cosignature_times_s(found[1], witnesses).values())


def timely(signed: SignedStatement, record: RegistryRecord, rule: LateRule) -> bool:
    """Whether the late rule lets it pass: always where the quorum is 0."""
    return rule.quorum <= 0 or proven(signed, record, rule) is Proven.TIMELY


def dominates(
    certificate: CommitCertificate,
    deadline_us: int,
    records: Mapping[bytes, RegistryRecord],
    rules: LateRules,
    now_us: int,
) -> bool:
    """Whether a commit certificate, verified before, is booked against an abort certificate.

    Shown before D + MMD its plain statements suffice; later each needs its timely proof. Once the
    registry's fence may have passed D nothing is booked any more: then people look at it.
    """
    if now_us > deadline_us + EPOCH_US:
        return False
    for signed in certificate.statements:
        record = records.get(Statement.decode(signed.statement).registry)
        if record is None:
            return False  # it was verified by a record that is gone: nothing is booked blindly
        late = now_us > deadline_us + mmd_us(record)
        if late and not timely(signed, record, rule_of(record, rules)):
            return False
    return True


def with_proof(
    statements: tuple[SignedStatement, ...],
    fresh: SignedStatement,
    record: RegistryRecord,
    rule: LateRule,
) -> tuple[SignedStatement, ...]:
    """The statements, with the proof of `fresh` at the one that says the same, if it is better.

    The same: byte for byte. A registry that says something else now is no source of proofs.
    """
    shown = proven(fresh, record, rule)
    return tuple(
        SignedStatement(known.statement, known.proofs, fresh.tlog_proof)
        if known.statement == fresh.statement and shown > proven(known, record, rule)
        else known
        for known in statements
    )


def lacks_proof(
    certificate: CommitCertificate | AbortCertificate,
    records: Mapping[bytes, RegistryRecord],
    rules: LateRules,
) -> bool:
    """Whether a proof is still to be fetched: of a registry with witnesses that count here."""
    for signed in certificate.statements:
        statement = Statement.decode(signed.statement)
        record = records.get(statement.registry)
        if record is None or statement.commit_id:
            continue  # nobody to ask; or a fence, which tells of no decision
        if not timely(signed, record, rule_of(record, rules)):
            return True
    return False
