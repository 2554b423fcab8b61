"""A certificate with the records of the registries that signed it, as it is kept in a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.limits import MAX_POLICY_MEMBERS
from proto.registry_record import RegistryRecord, read_record
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

MAX_CERTIFICATE_FILE_BYTES: Final = 1 << 20  # 16 members' statements and records: half of it


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """`records`: of each registry the newest that was in it. Nothing of the certificate is verified
    by reading; each record is, by the registry's own operators."""

    certificate: Certificate
    records: tuple[RegistryRecord, ...]


def read_certificate_file(data: bytes) -> CertificateFile:
    """Raises WireFault: no such file, or a record in it that its operators did not sign."""
    if len(data) > MAX_CERTIFICATE_FILE_BYTES:
        raise WireFault(f"a certificate file has at most {MAX_CERTIFICATE_FILE_BYTES} bytes")
    file = parse(pb.CertificateFile, data)
    match file.WhichOneof("certificate"):
        case "commit":
            found: Certificate = CommitCertificate.decode(file.commit.SerializeToString())
        case "abort":
            found = AbortCertificate.from_message(file.abort)
        case _:
            raise WireFault("a certificate file with neither a commit nor an abort certificate")
    return CertificateFile(found, tuple(newest_records(read_enclosed(file)).values()))


def read_enclosed(file: pb.CertificateFile) -> list[RegistryRecord]:
    """The records in a file, verified. Raises WireFault."""
    # Each costs signature checks, and more registries than a policy has members prove nothing.
    if len(file.records) > MAX_POLICY_MEMBERS:
        raise WireFault(f"more than {MAX_POLICY_MEMBERS} registry records")
    return [read_record(message.SerializeToString()) for message in file.records]


def newest_records(found: Iterable[RegistryRecord]) -> dict[bytes, RegistryRecord]:
    """Of each registry the newest record, by its id. Raises WireFault where two of them are of
    rival operators."""
    records: dict[bytes, RegistryRecord] = {}
    for record in found:
        known = records.setdefault(record.registry, record)
        if record.replaces(known):
            records[record.registry] = record
        elif record.roots[: len(known.roots)] != known.roots[: len(record.roots)]:
            raise WireFault("two records of one registry, of rival operators")
    return records
