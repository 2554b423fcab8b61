"""One registry over its life: records of old and new operators, true, forged and forked."""

from collections.abc import Sequence

from node.command.sim.cast import (
    certified,
    record_message,
    root_of,
    signing_key,
    statement_key_certificate,
)
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.registry_record import RegistryRecord, read_record, registry_id, sign_record, sign_root

OLD = [signing_key(f"old operator {i}") for i in range(3)]
NEW = [signing_key(f"new operator {i}") for i in range(3)]
THIEVES = [signing_key(f"thief {i}") for i in range(3)]
OWNER = registry_id(root_of(OLD).encode())
ONLINE = signing_key("online")
STATEMENT_KEY = statement_key_certificate(OWNER, ONLINE)
LOG_KEY = KeyCertificate(OWNER, KeyPurpose.LOG, signing_key("log").public, 0, 2**62)


def record_by(*operators: Sequence[SigningKey], sequence: int, target: str = "") -> RegistryRecord:
    """The record with this chain of operators, each root signed by those before as well."""
    message = record_message("r", operators[0])
    del message.roots[:]
    before: list[SigningKey] = []
    for version, keys in enumerate(operators, start=1):
        root = root_of(keys, version)
        message.roots.append(sign_root(root, [*before, *keys]))
        before = list(keys)
    for key in (STATEMENT_KEY, LOG_KEY):
        message.keys.append(certified(key, before))
    message.sequence = sequence
    message.grpc_target = target or message.grpc_target
    return read_record(sign_record(message, before))


FIRST = record_by(OLD, sequence=1)
SECOND = record_by(OLD, sequence=2)
ROTATED = record_by(OLD, NEW, sequence=3)
ROTATED_AGAIN = record_by(OLD, NEW, sequence=4)
# What replaced operators can still sign, if two of them are bribed or robbed.
BY_OLD_OPERATORS = record_by(OLD, sequence=2**50)
FORKED = record_by(OLD, THIEVES, sequence=2**50)
FORKED_FAR = record_by(OLD, THIEVES, THIEVES, sequence=2**50)

HELPED_BY_NOTHING = (FIRST, SECOND, BY_OLD_OPERATORS, FORKED, FORKED_FAR, ROTATED)
"""None of these replaces ROTATED."""
