"""Statements that people hold, to be compared with the log they name (E1, E2, E3, E7)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from proto.fraud.accused import Accused, Said
from proto.fraud.verdict import FraudInvalid
from proto.statement import SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse
from registry.audit.source import SourceFault

MAX_FILE_BYTES: Final = 1 << 20  # a certificate file with 16 members stays below half of it
KINDS: Final = (
    *(pb.SignedStatement, pb.CertificateFile, pb.CommitCertificate, pb.AbortCertificate),
    rpb.Answer,
)
MAX_FILES: Final = 1_000_000  # each is held in memory while its log is replayed

Shown = tuple[pb.SignedStatement, pb.Commit]


@dataclass(frozen=True, slots=True)
class Held:
    """A statement of the accused, where it came from, and what it says.

    `descriptor`, `evidence`: of its transaction, where the same file holds them.
    """

    path: Path
    signed: SignedStatement
    said: Said
    descriptor: bytes = b""
    evidence: bytes = b""

    @property
    def place(self) -> tuple[str, int]:
        """(origin, index) that it names."""
        return self.said.statement.log_origin, self.said.statement.log_index


def read_statements(folder: Path, accused: Accused) -> list[Held]:
    """Every statement of the accused in the files below a folder. SourceFault.

    A file may be a SignedStatement, an Answer of the registry, a certificate or a certificate
    file. Statements of other registries, and by keys that do not count, are passed over.
    """
    held = []
    try:
        paths = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        if len(paths) > MAX_FILES:
            raise SourceFault(f"{folder}: more than {MAX_FILES} files")
        for path in paths:
            if path.stat().st_size > MAX_FILE_BYTES:
                continue
            for message, commit in _statements(path.read_bytes()):
                try:
                    signed = SignedStatement.from_message(message)
                    said = accused.said(signed)
                    held.append(Held(path, signed, said, commit.descriptor, commit.evidence))
                except (WireFault, FraudInvalid):
                    continue  # no word of the accused, so nothing to hold it to
    except OSError as error:
        raise SourceFault(f"{error.filename}: {error.strerror}") from error
    return held


def _statements(data: bytes) -> Iterator[Shown]:
    """Whatever the bytes may be read as; only what the accused signed survives the caller."""
    for kind in KINDS:
        message: Message
        try:
            message = parse(kind, data)
        except WireFault:
            continue
        yield from _within(message)


def _within(message: Message) -> Iterator[Shown]:
    """Each statement with its Commit, of which a refusal has the descriptor alone."""
    match message:
        case pb.SignedStatement():
            yield message, pb.Commit()
        case pb.CertificateFile():
            yield from _within(message.commit)
            yield from _within(message.abort)
        case pb.CommitCertificate():
            yield from ((statement, message.commit) for statement in message.committed)
        case pb.AbortCertificate():
            refused = pb.Commit(descriptor=message.descriptor)
            yield from ((statement, refused) for statement in message.not_committed)
        case rpb.Answer():
            yield message.final, message.commit


def pairs(held: list[Held]) -> Iterator[tuple[Held, Held]]:
    """Statements about one transaction that differ: each with the first about it."""
    first: dict[bytes, Held] = {}
    for one in held:
        other = first.setdefault(one.said.decision.commit_id, one)
        if other.said.statement.leaf != one.said.statement.leaf:
            yield other, one
