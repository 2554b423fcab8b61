"""A registry made of the real cores that cheats on purpose, and the witnesses who see it.

It decides by `registry.log.decide`, signs by `registry.signer.Signer`, and keeps logs of real tiles
and checkpoints. What makes it cheat is that nothing binds it to one store: it may forget a row, log
a leaf twice, or show one log to one half of the world and another log to the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from node.command.sim.cast import NOW_US, SECOND, certified, record_message, root_of, signing_key
from proto.checkpoint import Checkpoint, cosign, sign_checkpoint
from proto.descriptor import Descriptor
from proto.envelope import sign
from proto.fraud.file import LoggedLeaf
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.limits import US
from proto.log_leaf import FenceLeaf
from proto.merkle import leaf_hash, merkle_root
from proto.note import COSIGNATURE, NoteKey
from proto.policy import single
from proto.record_parts import KeyRevocation, RecordWitness
from proto.registry_record import RegistryRecord, read_record, registry_id, sign_record
from proto.shard import shard_of, shard_origin
from proto.statement import STATEMENT_KIND, DecisionLeaf, SignedStatement, Statement
from proto.tlog_proof import LogProof
from registry.log import Event, Logged, Row, Terms, decide
from registry.signer import Signer
from registry.timing import Reading
from registry.tlog import Frontier, consistency_proof, inclusion_proof
from tests.registry.build import ERROR_US, GUARD_US, descriptor

MMD_US = 60 * SECOND
LIFE_US = 400 * 86_400 * SECOND
END_US = NOW_US + LIFE_US
YEAR = shard_of(NOW_US)


@dataclass(frozen=True)
class Watcher:
    """A witness of the tests: it cosigns whatever it is shown, at the time it is told."""

    name: str

    @property
    def key(self) -> SigningKey:
        return signing_key(self.name)

    @property
    def note_key(self) -> NoteKey:
        return NoteKey(self.name, COSIGNATURE, self.key.public)


WITNESSES = tuple(Watcher(f"witness.example/{name}") for name in ("a", "b", "c"))
QUORUM = 2


class View:
    """One log as somebody is shown it: leaves by their bytes, in order."""

    def __init__(self, origin: str, key: SigningKey, leaves: Sequence[bytes] = ()) -> None:
        self.origin = origin
        self.key = key
        self.leaves = list(leaves)

    def add(self, leaf: bytes) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def fork(self) -> "View":
        """The same log, to go on differently."""
        return View(self.origin, self.key, self.leaves)

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        frontier = Frontier()
        for leaf in self.leaves[:size]:
            frontier.append(leaf_hash(leaf))
        return Checkpoint(self.origin, frontier.size, frontier.root())

    def note(
        self, size: int | None = None, at_us: int = 0, witnesses: Sequence[Watcher] = ()
    ) -> bytes:
        """The signed checkpoint, cosigned by these at that time."""
        note = sign_checkpoint(self.checkpoint(size), self.key)
        return note.with_signatures(
            cosign(note, w.name, w.key, at_us // US) for w in witnesses
        ).encode()

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        span = 256**level
        first = index * 256
        hashes = [leaf_hash(leaf) for leaf in self.leaves]
        parts = [hashes[i * span : (i + 1) * span] for i in range(first, first + width)]
        return b"".join(merkle_root(part) for part in parts)

    def logged(self, index: int, size: int | None = None) -> LoggedLeaf:
        """The leaf at an index with its proof."""
        whole = len(self.leaves) if size is None else size
        path = inclusion_proof(index, whole, self.read_tile)
        return LoggedLeaf(self.leaves[index], index, tuple(path), self.note(whole))

    def consistency(self, size: int) -> tuple[bytes, ...]:
        """The proof that this log continues its first leaves."""
        return tuple(consistency_proof(size, len(self.leaves), self.read_tile))

    def proof(self, index: int) -> bytes:
        """What a statement carries as its log proof."""
        logged = self.logged(index)
        return LogProof(logged.index, logged.path, logged.checkpoint).encode()


@dataclass
class CheatingRegistry:
    """Keys are derived from its name; `views` are its logs, a shard each."""

    name: str
    views: dict[int, View] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.operators = [signing_key(f"{self.name} operator {i}") for i in range(3)]
        self.online = signing_key(f"{self.name} online")
        self.log_key = signing_key(f"{self.name} log")
        self.id = registry_id(root_of(self.operators).encode())
        self.record = self.make_record()
        self.signer = Signer(self.id, self.record.log_origin, self.online)
        self.terms = Terms(self.id, GUARD_US, SECOND // 2, 30 * 86_400 * SECOND)

    def make_record(
        self, revoked: tuple[KeyRevocation, ...] = (), sequence: int = 1
    ) -> RegistryRecord:
        purposes = ((KeyPurpose.STATEMENT, self.online), (KeyPurpose.LOG, self.log_key))
        keys = [
            certified(
                KeyCertificate(self.id, purpose, key.public, NOW_US - LIFE_US, END_US),
                self.operators[:2],
            )
            for purpose, key in purposes
        ]
        message = record_message(self.name, self.operators, keys)
        message.sequence = sequence
        message.mmd_us = MMD_US
        message.witness_quorum = QUORUM
        message.witnesses.extend(RecordWitness(w.note_key, "").to_message() for w in WITNESSES)
        message.revocations.extend(r.to_message() for r in revoked)
        return read_record(sign_record(message, self.operators[:2]))

    def view(self, shard: int = YEAR) -> View:
        origin = shard_origin(self.record.log_origin, shard)
        return self.views.setdefault(shard, View(origin, self.log_key))

    def descriptor(self, label: str, **changes: object) -> Descriptor:
        return descriptor(f"{self.name} {label}", **{"policy": single(self.id)} | changes)

    def decide(self, event: Event, now_us: int) -> Row:
        """What the real rule makes of it, as if nothing had been decided before."""
        row = decide(event, None, Reading(now_us, ERROR_US, usable=True), self.terms)
        assert isinstance(row, Row), row
        return row

    def altered(self, row: Row, **changes: object) -> Row:
        """A decision that the rule would never have made."""
        leaf: DecisionLeaf = replace(row.leaf, **changes)  # type: ignore[arg-type]
        return replace(row, leaf=leaf, data=leaf.encode())

    def log(self, row: Row, shard: int = YEAR) -> Logged:
        return Logged(row, self.view(shard).add(row.data), shard)

    def state(self, row: Row, shard: int = YEAR) -> SignedStatement:
        """Logs a row and signs the statement."""
        return self.signer.statement(self.log(row, shard))

    def epoch(self, commit_id: bytes, closed_through_us: int, shard: int = YEAR) -> SignedStatement:
        """The answer by a fence about an id."""
        fence = FenceLeaf(closed_through_us).encode()
        index = self.view(shard).add(fence)
        return self.sign(Statement(self.id, fence, self.view(shard).origin, index, commit_id))

    def sign(self, statement: Statement, key: SigningKey | None = None) -> SignedStatement:
        payload = statement.encode()
        return SignedStatement(payload, (sign(key or self.online, STATEMENT_KIND, payload),))
