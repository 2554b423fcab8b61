"""What a certificate file proves, judged from its bytes alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.json_format import Parse, ParseError

from node.command.verify_proof import ShownLog, shown_log
from proto import certificate_file
from proto.certificate import (
    AbortCertificate,
    Certificate,
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.descriptor import Descriptor
from proto.limits import MAX_RECORD_BYTES
from proto.log_leaf import decision_of
from proto.registry_record import RegistryRecord, read_record
from proto.statement import DecisionLeaf, Statement
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

MAX_FILE_BYTES: Final = certificate_file.MAX_CERTIFICATE_FILE_BYTES
MAX_JSON_DEPTH: Final = 20  # a certificate file nests six deep
BAD_RECORD: Final = "RECORD"


@dataclass(frozen=True, slots=True)
class Member:
    """What one registry recorded, and what the file shows of its log. `witnesses`: how many its
    record names."""

    registry: bytes
    name: str
    leaf: DecisionLeaf
    log_origin: str
    log_index: int
    log: ShownLog | None
    witnesses: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file proves: that `members`, a quorum of the policy, recorded `outcome`."""

    outcome: str
    commit_id: bytes
    descriptor: Descriptor
    members: tuple[Member, ...]


class ProvesNothing(Exception):
    """`code` is stable, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Unreadable(Exception):
    """No certificate file at all; one line."""


def judge(data: bytes, now_us: int, newer: Sequence[RegistryRecord] = ()) -> Verdict:
    """What the bytes of a CertificateFile, protobuf or JSON, prove now.

    `newer`: records that came another way; of each registry the newest one says which keys count.
    Raises ProvesNothing or Unreadable, and nothing else, whatever the bytes.
    """
    file = _read(data)
    try:
        certificate = _certificate(file)
    except WireFault as fault:
        raise ProvesNothing(CertificateFault.FORM.name, str(fault)) from fault
    records = _records(file, newer)
    try:
        if isinstance(certificate, CommitCertificate):
            descriptor = verify_commit_certificate(certificate, records, now_us)
            outcome = "COMMITTED"
        else:
            descriptor = verify_abort_certificate(certificate, records, now_us)
            outcome = "NOT_COMMITTED"
    except CertificateInvalid as fault:
        raise ProvesNothing(fault.fault.name, fault.fault.value) from fault
    members = []
    for signed in certificate.statements:
        statement = Statement.decode(signed.statement)
        record = records[statement.registry]
        leaf = decision_of(statement)
        members.append(
            Member(
                record.registry,
                record.name,
                leaf,
                statement.log_origin,
                statement.log_index,
                shown_log(signed, record),
                len(record.witnesses),
            )
        )
    return Verdict(outcome, certificate.commit_id, descriptor, tuple(members))


def _read(data: bytes) -> pb.CertificateFile:
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"more than {MAX_FILE_BYTES} bytes")
    try:
        file = parse(pb.CertificateFile, data)
    except WireFault as fault:
        # "{" would begin a group, which no file of ours holds: what starts so is JSON or nothing.
        if data.lstrip()[:1] != b"{":
            raise Unreadable("not a certificate file") from fault
        try:
            file = Parse(data, pb.CertificateFile(), max_recursion_depth=MAX_JSON_DEPTH)
        except (ParseError, ValueError, RecursionError) as error:
            raise Unreadable("not the JSON form of a certificate file") from error
    if file.WhichOneof("certificate") is None:
        raise Unreadable("holds neither a commit nor an abort certificate")
    return file


def _certificate(file: pb.CertificateFile) -> Certificate:
    if file.WhichOneof("certificate") == "commit":
        return CommitCertificate.decode(file.commit.SerializeToString())
    return AbortCertificate.from_message(file.abort)


def _records(
    file: pb.CertificateFile, newer: Sequence[RegistryRecord]
) -> dict[bytes, RegistryRecord]:
    try:
        return certificate_file.newest_records((*certificate_file.read_enclosed(file), *newer))
    except WireFault as fault:
        raise ProvesNothing(BAD_RECORD, str(fault)) from fault


def newest_records(found: Iterable[RegistryRecord]) -> dict[bytes, RegistryRecord]:
    """Of each registry the newest record, by its id. ProvesNothing where two of them are of rival
    operators."""
    try:
        return certificate_file.newest_records(found)
    except WireFault as fault:
        raise ProvesNothing(BAD_RECORD, str(fault)) from fault


def read_records(paths: Sequence[Path]) -> list[RegistryRecord]:
    """Records in files of their own. Raises OSError, or Unreadable."""
    records = []
    for path in paths:
        with path.open("rb") as opened:
            data = opened.read(MAX_RECORD_BYTES + 1)
        try:
            records.append(read_record(data))
        except WireFault as fault:
            raise Unreadable(f"{path}: {fault}") from fault
    return records
