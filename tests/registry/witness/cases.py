"""A registry's log for tests of witnesses: it grows, and where a test wants it, it lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from node.command.sim.cast import NOW_US, certified, record_message, root_of, signing_key
from proto.checkpoint import Checkpoint, sign_checkpoint
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.limits import US
from proto.log_tree import EMPTY_ROOT
from proto.merkle import leaf_hash
from proto.plain_text import to_base64
from proto.registry_record import registry_id, sign_record
from registry.witness.config import WitnessConfig
from registry.witness.cosigning import Cosigner, Pace
from registry.witness.evidence import EvidenceShelf
from registry.witness.store import open_witness_store
from registry.witness.trust import SUFFIX, TrustedLogs
from runtime.clock import FakeClock
from runtime.store import Store
from tests.proto.log_reference import mth, proof

YEAR = 2026
NAME = "witness.example/w"
KEY = signing_key("witness")
NOW_S = NOW_US // US
CONFIG = WitnessConfig(name=NAME, listen="127.0.0.1:0", requests_per_s=1000)


@dataclass(frozen=True)
class GrowingLog:
    """One shard. Entries `0..n` are those of `label`; from `forked_at` on they are another's."""

    label: str = "harbour"
    shard: int = YEAR
    forked_at: int = 1 << 62
    key: SigningKey = field(default_factory=lambda: signing_key("harbour log"))

    @property
    def origin(self) -> str:
        return f"example.net/{self.label}/{self.shard}"

    def leaves(self, size: int) -> tuple[bytes, ...]:
        return tuple(
            leaf_hash(f"{self.label} {self.shard} {i} {i >= self.forked_at}".encode())
            for i in range(size)
        )

    def checkpoint(self, size: int) -> Checkpoint:
        root = mth(self.leaves(size)) if size else EMPTY_ROOT
        return Checkpoint(self.origin, size, root)

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.checkpoint(size), self.key).encode()

    def proof(self, old: int, size: int) -> list[bytes]:
        return proof(old, self.leaves(size)) if 0 < old < size else []

    def request(self, old: int, size: int) -> bytes:
        return request(old, self.proof(old, size), self.note(size))


def request(old: int, hashes: list[bytes], note: bytes) -> bytes:
    """The body of add-checkpoint."""
    lines = [f"old {old}", *(to_base64(part) for part in hashes)]
    return "\n".join(lines).encode() + b"\n\n" + note


def record_of(
    log: GrowingLog,
    *,
    operators: str = "harbour",
    sequence: int = 1,
    origin: str = "",
    not_after_us: int = 2**62,
    key: SigningKey | None = None,
) -> bytes:
    """The record of the log's registry, with one key for logs."""
    roots = [signing_key(f"{operators} operator {i}") for i in range(3)]
    owner = registry_id(root_of(roots).encode())
    certificate = KeyCertificate(owner, KeyPurpose.LOG, (key or log.key).public, 0, not_after_us)
    message = record_message(log.label, roots, [certified(certificate, roots[:2])])
    message.sequence = sequence
    message.log_origin = origin or f"example.net/{log.label}"
    return sign_record(message, roots[:2])


@dataclass(frozen=True)
class OpenWitness:
    """A witness on a real database, with a clock that moves only when told to."""

    cosigner: Cosigner
    clock: FakeClock
    store: Store
    path: Path

    def evidence(self) -> list[str]:
        return [p.name for p in EvidenceShelf(self.path / "evidence").files()]


@contextmanager
def open_witness(
    path: Path, *logs: GrowingLog, clock: FakeClock | None = None, per_s: int = 1000
) -> Iterator[OpenWitness]:
    """Opens, or makes, a witness in `path` that accepts these logs."""
    clock = clock or FakeClock(NOW_US, 50_000)
    folder = path / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for log in logs:
        (folder / f"{log.label}{SUFFIX}").write_bytes(record_of(log, operators=log.label))
    shelf = EvidenceShelf(path / "evidence")
    with open_witness_store(path / "w.sqlite") as store:
        trusted = TrustedLogs(folder)
        cosigner = Cosigner(store, trusted, clock, US, NAME, KEY, shelf, Pace(per_s))
        yield OpenWitness(cosigner, clock, store, path)
