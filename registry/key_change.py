"""Changes of a registry's keys, as the next record will say them (registry section 9). Pure.

None of these signs anything: what they return goes through the operators' hands (record_draft).
"""

from collections.abc import Iterable

from proto.key_certificate import unsigned_certificate
from proto.keys import KeyCertificate
from proto.limits import MAX_RECORD_KEYS, MAX_RECORD_REVOCATIONS, MAX_ROOTS
from proto.registry_record import Root
from proto.v1 import types_pb2 as pb


class ChangeRefused(Exception):
    """One line: why the record cannot be changed so."""


def with_new_key(record: pb.RegistryRecord, certificate: KeyCertificate) -> pb.RegistryRecord:
    """Certifies one more key. Those before it stay: what they signed is verified by them."""
    if len(record.keys) >= MAX_RECORD_KEYS:
        raise ChangeRefused(f"a record holds at most {MAX_RECORD_KEYS} keys")
    changed = _copy(record)
    changed.keys.append(unsigned_certificate(certificate))
    return changed


def with_revocation(record: pb.RegistryRecord, key: bytes, at_us: int) -> pb.RegistryRecord:
    """The key counts for nothing after `at_us`. An earlier end of the same key stays."""
    if len(record.revocations) >= MAX_RECORD_REVOCATIONS:
        raise ChangeRefused(f"a record holds at most {MAX_RECORD_REVOCATIONS} revocations")
    changed = _copy(record)
    changed.revocations.add(key=key, at_us=at_us)
    return changed


def with_root(
    record: pb.RegistryRecord, keys: Iterable[bytes], threshold: int
) -> pb.RegistryRecord:
    """Other operators. They certify every key anew, the ended ones too: records name one root."""
    if len(record.roots) >= MAX_ROOTS:
        raise ChangeRefused(f"a record holds at most {MAX_ROOTS} roots")
    newest = Root.decode(record.roots[-1].root)
    root = Root(newest.version + 1, tuple(sorted(keys)), threshold)
    changed = _copy(record)
    changed.roots.add(root=root.encode())
    for key in changed.keys:
        del key.signatures[:]
    return changed


def _copy(record: pb.RegistryRecord) -> pb.RegistryRecord:
    copy = pb.RegistryRecord()
    copy.CopyFrom(record)
    return copy
