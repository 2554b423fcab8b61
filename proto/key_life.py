"""What a registry's statement key still proves at the time of checking (registry section 9). Pure.

A key that is in force now proves every stored decision, whenever it was made: after a change of
keys the registry signs its stored leaves anew. A key that has ended, by its date or by revocation,
proves only what stands in the log too, since whoever stole it could date a statement back; and
nothing that was decided after its end.
"""

from enum import Enum, unique

from proto.registry_record import RegistryRecord
from proto.statement import SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from proto.wire import WireFault


@unique
class KeyStanding(Enum):
    """What a signature by a key proves about a decision of some time."""

    NOTHING = 1
    IF_LOGGED = 2  # the key has ended since
    PLAINLY = 3


def standing(record: RegistryRecord, key: bytes, decided_at_us: int, now_us: int) -> KeyStanding:
    """What a signature by `key`, seen now, proves about what was decided at `decided_at_us`."""
    revoked_us = record.revoked_from_us(key)
    found = KeyStanding.NOTHING
    for certificate in record.statement_keys:
        end_us = min(certificate.not_after_us, revoked_us)
        if certificate.key != key or decided_at_us > end_us:
            continue
        if certificate.not_before_us <= now_us <= end_us:
            return KeyStanding.PLAINLY
        if now_us > end_us:
            found = KeyStanding.IF_LOGGED
    return found


def is_logged(signed: SignedStatement, statement: Statement, record: RegistryRecord) -> bool:
    """Whether its log proof shows the leaf where the statement says, in a log of this registry."""
    origin = statement.log_origin
    if origin != record.log_origin and not origin.startswith(record.log_origin + "/"):
        return False  # nobody watches such a log
    try:
        proof = LogProof.decode(signed.tlog_proof)
    except WireFault:
        return False
    keys = record.log_note_keys(origin)
    return proof.index == statement.log_index and proven_in(proof, statement.leaf, keys) is not None
