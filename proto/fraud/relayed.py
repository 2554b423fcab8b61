"""How much time relayed statements can have bought a commit (registry sections 3 and 7).

The accused counted them with the members' records of that day, which nobody has to have kept. So
here each counts unless it is worthless by its own content, or by a key that the verifier knows the
member not to have had: a file's maker could leave out records, or put in old ones.
"""

from collections.abc import Mapping, Sequence

from proto.commit import Evidence
from proto.descriptor import Descriptor, commit_id
from proto.log_leaf import decision_of
from proto.registry_record import RegistryRecord, read_record
from proto.statement import STATEMENT_KIND, Outcome, SignedStatement, Statement
from proto.wire import WireFault


def relayed_at_most(
    evidence: Evidence,
    descriptor: Descriptor,
    accused: bytes,
    records: Sequence[bytes],
    known: Mapping[bytes, RegistryRecord],
) -> int:
    """The most distinct other members whose COMMITTED statements the evidence may carry.

    `records`: SignedRegistryRecord bytes from the file, which may speak for the accused only.
    `known`: the verifier's own, which may speak against it.
    """
    shown = _readable(records)
    seen: set[bytes] = set()
    commit = commit_id(descriptor.encode())
    for data in evidence.relayed:
        member = _may_count(data, descriptor, commit, shown, known)
        if member is not None and member != accused:
            seen.add(member)
    return len(seen)


def _readable(records: Sequence[bytes]) -> list[RegistryRecord]:
    readable = []
    for data in records:
        try:
            readable.append(read_record(data))
        except WireFault:
            continue  # it could only have helped the accused
    return readable


def _may_count(
    data: bytes,
    descriptor: Descriptor,
    commit: bytes,
    shown: list[RegistryRecord],
    known: Mapping[bytes, RegistryRecord],
) -> bytes | None:
    """The member that may have signed it, or None where it is surely worthless."""
    try:
        signed = SignedStatement.decode(data)
        statement = Statement.decode(signed.statement)
        leaf = decision_of(statement)
    except WireFault:
        return None
    member = statement.registry
    if member not in descriptor.policy.members or leaf.outcome is not Outcome.COMMITTED:
        return None
    if leaf.commit_id != commit or leaf.deadline_us != descriptor.deadline_us:
        return None
    if not leaf.decided_at_us <= leaf.limit_us <= descriptor.limit_us:
        return None
    keys = [p.key for p in signed.proofs if p.proves(STATEMENT_KIND, signed.statement)]
    mine = known.get(member)
    if mine is None or not any(c.valid_at(leaf.decided_at_us) for c in mine.statement_keys):
        return member if keys else None
    certified = {c.key for r in [mine, *shown] if r.registry == member for c in r.statement_keys}
    return member if certified & set(keys) else None
