"""A registry's answers become certificates, and certificates end promises (protocol section 7)."""

from functools import lru_cache

from node.core.claim import learn_commit
from node.core.ending import learn_abort, take_abort
from node.core.events import RegistrySaid
from node.core.proving import keep_proof
from node.core.renewing import renew
from node.core.rows import Ask, Transaction, replace
from node.core.view import Step
from proto.certificate import (
    AbortCertificate,
    Certificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
    verify_statement,
)
from proto.commit import Commit, Evidence, commit_is_valid
from proto.descriptor import Descriptor, decode_descriptor
from proto.limits import MAX_EVIDENCE_BYTES
from proto.log_leaf import decision_of
from proto.statement import (
    STATEMENTS_KEPT,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.wire import WireFault


def on_registry_said(step: Step, event: RegistrySaid) -> None:
    """One member's answer. Interim answers and refusals change nothing: the plan asks again."""
    before = step.transaction(event.commit)
    if before is None or event.final is None:
        return
    if before.decided:
        if before.ask is Ask.RENEW:
            renew(step, before, event)
        else:
            keep_proof(step, before, event.registry, event.final)
        return
    descriptor = decode_descriptor(before.descriptor)
    try:
        registry, leaf = verify_statement(
            event.final, descriptor, before.commit, step.settings.records, step.now_us
        )
    except CertificateInvalid:
        return
    if registry != event.registry:
        return
    transaction = _keep(step, before, registry, leaf.outcome, event.final)
    evidence = _sound_evidence(descriptor, transaction, event.evidence)
    if leaf.outcome is Outcome.COMMITTED and len(descriptor.policy.members) > 1:
        transaction = _keep_relayed(step, transaction, descriptor, event.evidence)
    if _conclude(step, transaction, descriptor, evidence):
        return
    if transaction != before:
        step.put(transaction)
    if leaf.outcome is Outcome.COMMITTED and evidence and not transaction.commit_evidence:
        # Too few members for a certificate, but their commit is a commit: BARE is worth it now.
        learn_commit(step, transaction.commit, Commit(transaction.descriptor, evidence))


def learn_certificate(step: Step, certificate: Certificate) -> None:
    """A decision that somebody brings. It says the same as what we know, or is verified, or is
    nothing; of two that contradict each other the commit dominates (node.core.dominating)."""
    if isinstance(certificate, AbortCertificate):
        take_abort(step, certificate, None)
        return
    transaction = step.transaction(certificate.commit.commit_id)
    if transaction is None or transaction.commit_certificate:
        return
    try:
        verify_commit_certificate(
            certificate, step.settings.records, step.now_us, verified=transaction.commit_evidence
        )
    except CertificateInvalid:
        return
    learn_commit(step, transaction.commit, certificate, verified=True)


def _sound_evidence(descriptor: Descriptor, transaction: Transaction, shown: bytes) -> bytes:
    """The evidence to build a certificate on: the registry's, if it holds, else our own."""
    if shown and shown != transaction.commit_evidence:
        commit = Commit(transaction.descriptor, shown)
        if commit_is_valid(descriptor, commit):
            return shown
    return transaction.commit_evidence


@lru_cache(maxsize=STATEMENTS_KEPT)
def _read(data: bytes) -> tuple[bytes, Outcome, SignedStatement]:
    signed = SignedStatement.decode(data)
    statement = Statement.decode(signed.statement)
    return statement.registry, decision_of(statement).outcome, signed


def _keep(
    step: Step,
    transaction: Transaction,
    registry: bytes,
    outcome: Outcome,
    statement: SignedStatement,
) -> Transaction:
    """One statement of each member and outcome: the same answer may come in other signatures.

    It replaces the one that is kept where that one's key has ended meanwhile.
    """
    kept = transaction.statements
    for data in kept:
        if _read(data)[:2] == (registry, outcome):
            if _counts(step, transaction, data):
                return transaction
            kept = tuple(other for other in kept if other != data)
            break
    return replace(transaction, statements=(*kept, statement.encode()))


def _counts(step: Step, transaction: Transaction, data: bytes) -> bool:
    """Whether a statement that was verified when it came counts still."""
    descriptor = decode_descriptor(transaction.descriptor)
    signed, records = _read(data)[2], step.settings.records
    try:
        verify_statement(signed, descriptor, transaction.commit, records, step.now_us)
    except CertificateInvalid:
        return False
    return True


def _keep_relayed(
    step: Step, transaction: Transaction, descriptor: Descriptor, shown: bytes
) -> Transaction:
    """What other members had said when this one accepted: one of them may be gone by now."""
    try:
        carried = Evidence.decode(shown).relayed
    except WireFault:
        return transaction
    # More statements than members cannot count, and each costs a signature check.
    for data in carried[: len(descriptor.policy.members)]:
        try:
            signed = SignedStatement.decode(data)
            registry, leaf = verify_statement(
                signed, descriptor, transaction.commit, step.settings.records, step.now_us
            )
        except (CertificateInvalid, WireFault):
            continue
        if leaf.outcome is Outcome.COMMITTED:
            transaction = _keep(step, transaction, registry, leaf.outcome, signed)
    return transaction


def with_statements(transaction: Transaction) -> bytes:
    """The commit as it is shown to members that have not decided: with what others have said.

    So whoever asks relays as well, and a member that died after its answer has not answered in
    vain (registry section 7). For a single registry it is the evidence as it is.
    """
    descriptor = decode_descriptor(transaction.descriptor)
    if len(descriptor.policy.members) < 2 or not transaction.commit_evidence:
        return transaction.commit_evidence
    bare = Evidence.decode(transaction.commit_evidence)
    said = tuple(
        SignedStatement(signed.statement, signed.proofs).encode()
        for _, outcome, signed in map(_read, transaction.statements)
        if outcome is Outcome.COMMITTED
    )
    whole = Evidence(bare.shares, bare.preimages, said).encode()
    return whole if len(whole) <= MAX_EVIDENCE_BYTES else transaction.commit_evidence


def _conclude(
    step: Step, transaction: Transaction, descriptor: Descriptor, evidence: bytes
) -> bool:
    """Whether the statements at hand make a certificate; then everything that follows is done."""
    known = [_read(data) for data in transaction.statements]
    committed = tuple(s for _, outcome, s in known if outcome is Outcome.COMMITTED)
    refused = tuple(s for _, outcome, s in known if outcome is Outcome.NOT_COMMITTED)
    if len(committed) >= descriptor.policy.qc and evidence:
        certificate = CommitCertificate(Commit(transaction.descriptor, evidence), committed)
        try:
            own = transaction.commit_evidence
            verify_commit_certificate(certificate, step.settings.records, step.now_us, verified=own)
        except CertificateInvalid:
            return False
        step.put(transaction)
        learn_commit(step, transaction.commit, certificate, verified=True)
        return True
    if len(refused) >= descriptor.policy.qa:
        abort = AbortCertificate(transaction.descriptor, refused)
        try:
            verify_abort_certificate(abort, step.settings.records, step.now_us)
        except CertificateInvalid:
            return False
        learn_abort(step, transaction, abort, None)
        return True
    return False
