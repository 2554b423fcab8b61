"""The log proof of one entry as text (C2SP tlog-proof): what stands in a statement's tlog_proof.

It proves by itself, offline, to whoever knows the log's keys: this leaf is in the log at this
index. With cosignatures on its checkpoint it also proves since when.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proto.checkpoint import Checkpoint, read_checkpoint
from proto.limits import MAX_LOG_PATH, MAX_TLOG_PROOF_BYTES
from proto.log_tree import HASH_BYTES, inclusion_holds
from proto.merkle import leaf_hash
from proto.note import Note, NoteKey
from proto.plain_text import from_base64, from_decimal, to_base64
from proto.wire import WireFault

_VERSION: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "


@dataclass(frozen=True, slots=True)
class LogProof:
    """Where a leaf stands, the sibling hashes from it upwards, and the checkpoint's note bytes."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        head = [_VERSION, f"{_INDEX}{self.index}", *(to_base64(part) for part in self.path)]
        return "\n".join(head).encode() + b"\n\n" + self.checkpoint

    @classmethod
    def decode(cls, data: bytes) -> "LogProof":
        """Raises WireFault. The checkpoint is not looked into; extra data is left out."""
        if len(data) > MAX_TLOG_PROOF_BYTES:
            raise WireFault(f"a log proof has at most {MAX_TLOG_PROOF_BYTES} bytes")
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise WireFault("a log proof that is not text") from error
        if not blank or not checkpoint or lines[0] != _VERSION:
            raise WireFault(f"a log proof begins with {_VERSION}")
        rest = lines[2:] if lines[1:] and lines[1].startswith(_EXTRA) else lines[1:]
        if not rest or not rest[0].startswith(_INDEX) or len(rest) - 1 > MAX_LOG_PATH:
            raise WireFault(f"a log proof is an index and at most {MAX_LOG_PATH} hashes")
        path = tuple(from_base64(line) for line in rest[1:])
        if any(len(part) != HASH_BYTES for part in path):
            raise WireFault("a log proof with a hash that is none")
        return cls(from_decimal(rest[0].removeprefix(_INDEX)), path, checkpoint)


def proven_in(
    proof: LogProof, leaf: bytes, log_keys: Iterable[NoteKey]
) -> tuple[Checkpoint, Note] | None:
    """The checkpoint, signed by one of these keys, whose tree has the leaf at the proof's index.

    `leaf`: the leaf's bytes, not its hash. None where the proof does not show that. Cosignatures
    on the note are not looked at.
    """
    for key in log_keys:
        try:
            checkpoint, note = read_checkpoint(proof.checkpoint, key)
        except WireFault:
            continue  # perhaps an older or a newer key of the same log
        found = leaf_hash(leaf)
        if inclusion_holds(found, proof.index, checkpoint.size, proof.path, checkpoint.root):
            return checkpoint, note
    return None
