"""The content of this registry's own record: from its configuration to what its root signs."""

from collections.abc import Iterable
from typing import Final

from proto.keys import SigningKey
from proto.registry_record import PROTOCOL_VERSION, Root, sign_record
from proto.v1 import types_pb2 as pb
from registry.config import Config
from runtime.address import split_address

DAY_US: Final = 86_400_000_000
RECORD_LIFE_US: Final = 366 * DAY_US
RENEW_BEFORE_US: Final = 30 * DAY_US


def fill_record(
    known: pb.RegistryRecord, config: Config, listen: str, archive: str
) -> pb.RegistryRecord:
    """`known` holds id, roots, keys and certificate; addresses are those really listened on."""
    record = pb.RegistryRecord()
    record.CopyFrom(known)
    record.name = config.name
    record.grpc_target = config.public_listen or listen
    base = config.public_archive or f"http://{archive}"
    record.archive_url = base.rstrip("/") + "/commit/%s"
    record.log_origin = config.log_origin
    record.protocol_version = PROTOCOL_VERSION
    record.max_error_us = config.max_error_us
    record.guard_us = config.guard_us
    record.min_lead_us = config.min_lead_us
    record.max_deadline_us = config.max_deadline_us
    record.mmd_us = config.mmd_us
    record.declared_clock = config.clock_source == "declared"
    record.leap = config.leap
    del record.witnesses[:]
    record.witnesses.extend(witness.to_message() for witness in config.witnesses)
    record.witness_quorum = config.witness_quorum
    record.release = pb.COVERED if config.covered else pb.LOGGED
    return record


def same_content(a: pb.RegistryRecord, b: pb.RegistryRecord) -> bool:
    """Whether two records differ in nothing but sequence and expiry."""
    plain = []
    for record in (a, b):
        copy = pb.RegistryRecord()
        copy.CopyFrom(record)
        copy.ClearField("sequence")
        copy.ClearField("expires_at_us")
        plain.append(copy.SerializeToString(deterministic=True))
    return plain[0] == plain[1]


def content_of(signed: bytes) -> pb.RegistryRecord:
    """The content of a record that was verified before."""
    return pb.RegistryRecord.FromString(pb.SignedRegistryRecord.FromString(signed).record)


def needs_renewal(record: pb.RegistryRecord, now_us: int) -> bool:
    return record.expires_at_us < now_us + RENEW_BEFORE_US


def signed_record(record: pb.RegistryRecord, now_us: int, roots: Iterable[SigningKey]) -> bytes:
    """The next record after `record`, signed: SignedRegistryRecord bytes."""
    following = pb.RegistryRecord()
    following.CopyFrom(record)
    following.sequence = record.sequence + 1
    following.expires_at_us = now_us + RECORD_LIFE_US
    newest = Root.decode(record.roots[-1].root)
    # Keys of former operators may still lie in root/; their signatures would prove nothing.
    return sign_record(following, [key for key in roots if key.public in newest.keys])


def with_port(address: str, port: int) -> str:
    """HOST:PORT with the port that was really given to us."""
    host = split_address(address)
    assert host is not None, address
    name = f"[{host[0]}]" if ":" in host[0] else host[0]
    return f"{name}:{port}"
