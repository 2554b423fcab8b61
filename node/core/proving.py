"""The log proofs of a certificate: fetched behind the payment, so that nobody waits for them.

A statement is worth its amount at once. Years later, against an abort, it may need the proof that
witnesses had seen it in the log in time (proto.lateness); by then its registry may be gone. So the
node asks once more a while after the end, and leaves the transaction among the live rows until it
has the proofs or has given up. Of registries without witnesses there is nothing to fetch.
"""

from typing import Final

from node.core.effects import AskRegistries
from node.core.rows import Ask, Transaction, replace
from node.core.view import Step
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.descriptor import decode_descriptor
from proto.lateness import lacks_proof, mmd_us, rule_of, with_proof
from proto.limits import US
from proto.registry_record import RegistryRecord
from proto.statement import SignedStatement
from proto.wire import WireFault

ASKS_PER_MMD: Final = 4  # a cosigned checkpoint is there within a second or so, as a rule
MAX_PROOF_ASKS: Final = 8  # two MMD: a registry without proofs by then has broken its word
LEAST_PACE_US: Final = US


def wanted_proof(step: Step, transaction: Transaction) -> tuple[Ask, int]:
    """What is to be asked about a decided transaction, and when. Cheap without witnesses."""
    pace_us = _pace_us(step, transaction)
    # Only giving up leaves a number of asks where nothing is asked: it stays given up.
    given_up = transaction.ask is Ask.NOTHING and transaction.asks >= MAX_PROOF_ASKS
    if not pace_us or given_up or not _lacks(step, transaction):
        return Ask.NOTHING, 0
    return Ask.PROOF, step.now_us + pace_us


def ask_for_proof(step: Step, transaction: Transaction) -> None:
    """Asks, or gives up. A crash here repeats the question."""
    if transaction.asks >= MAX_PROOF_ASKS:
        step.put(replace(transaction, ask=Ask.NOTHING))
        return
    at_us = step.now_us + max(_pace_us(step, transaction), LEAST_PACE_US)
    step.put(replace(transaction, ask_at_us=at_us, asks=transaction.asks + 1))
    step.effects.append(AskRegistries(transaction.commit, Ask.PROOF))


def keep_proof(
    step: Step, transaction: Transaction, registry: bytes, fresh: SignedStatement
) -> None:
    """A registry's answer about a decided transaction: of it the proof alone is taken."""
    certificate = certificate_of(transaction)
    record = step.settings.records.get(registry)
    if transaction.ask is not Ask.PROOF or record is None:
        return
    rule = rule_of(record, step.settings.late_rules)
    statements = with_proof(certificate.statements, fresh, record, rule)
    if statements == certificate.statements:
        return
    if isinstance(certificate, CommitCertificate):
        better = CommitCertificate(certificate.commit, statements).encode()
        transaction = replace(transaction, commit_certificate=better)
    else:
        better = AbortCertificate(certificate.descriptor, statements).encode()
        transaction = replace(transaction, abort_certificate=better)
    if not _lacks(step, transaction):
        transaction = replace(transaction, ask=Ask.NOTHING, asks=0)
    step.put(transaction)


def certificate_of(transaction: Transaction) -> Certificate:
    """The one that decides: a commit dominates."""
    if transaction.commit_certificate:
        return CommitCertificate.decode(transaction.commit_certificate)
    return AbortCertificate.decode(transaction.abort_certificate)


def same_but_proofs(old: Transaction, new: Transaction) -> bool:
    """Whether the deciding certificates say the same; log proofs may come to one behind it, and
    other signatures where those that it had count no more."""
    try:
        return _bare(old) == _bare(new)
    except WireFault:
        return False


def _bare(transaction: Transaction) -> Certificate:
    certificate = certificate_of(transaction)
    statements = tuple(SignedStatement(s.statement, ()) for s in certificate.statements)
    if isinstance(certificate, CommitCertificate):
        return CommitCertificate(certificate.commit, statements)
    return AbortCertificate(certificate.descriptor, statements)


def _witnessed(step: Step, transaction: Transaction) -> list[RegistryRecord]:
    """The members whose proofs count at this node."""
    settings = step.settings
    members = decode_descriptor(transaction.descriptor).policy.members
    records = [settings.records[m] for m in members if m in settings.records]
    return [r for r in records if rule_of(r, settings.late_rules).quorum > 0]


def _pace_us(step: Step, transaction: Transaction) -> int:
    """From one question to the next; 0: nobody is to be asked."""
    witnessed = _witnessed(step, transaction)
    slowest_us = max(map(mmd_us, witnessed), default=0)
    return max(slowest_us // ASKS_PER_MMD, LEAST_PACE_US) if witnessed else 0


def _lacks(step: Step, transaction: Transaction) -> bool:
    settings = step.settings
    return lacks_proof(certificate_of(transaction), settings.records, settings.late_rules)
