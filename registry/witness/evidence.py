"""What a log signed that does not go together: kept as files, for whoever accuses it.

`split-*.fraud` is a FraudProof of two checkpoints of one size (E4): it verifies by itself.
`unproven-*.notes` holds two notes of different sizes that nobody has shown to be consistent: that
may be a clumsy client, or a log that rewrites its past; whoever replays the log finds out.
"""

import logging
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from proto.registry_record import RegistryRecord
from proto.v1 import types_pb2 as pb
from registry.witness.home import private_file

log = logging.getLogger(__name__)

# Of each log and kind: one is enough to accuse it, and anybody who has a signed checkpoint can
# send it here again with another wrong proof.
MAX_KEPT: Final = 16
ID_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class EvidenceShelf:
    """The evidence/ folder of a witness."""

    folder: Path
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def keep_split(self, record: RegistryRecord, cosigned: bytes, offered: bytes) -> None:
        """Two signed notes of one size with different roots."""
        proof = pb.FraudProof(
            kind="SPLIT_VIEW",
            record=pb.SignedRegistryRecord.FromString(record.signed),
            checkpoints=[cosigned, offered],
        )
        self._keep(record, "split", "fraud", proof.SerializeToString(), offered)

    def keep_unproven(self, record: RegistryRecord, cosigned: bytes, offered: bytes) -> None:
        """Two signed notes of different sizes, without a proof between them."""
        self._keep(record, "unproven", "notes", cosigned + b"\n" + offered, offered)

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("[!.]*"))

    def _keep(
        self, record: RegistryRecord, kind: str, suffix: str, data: bytes, offered: bytes
    ) -> None:
        """Never raises for the disk's sake: the checkpoint is refused whether or not it is kept."""
        # By the text alone: other signatures beside the same checkpoint are no other evidence.
        text = offered.partition(b"\n\n")[0]
        prefix = f"{kind}-{record.registry.hex()[:ID_CHARS]}-"
        path = self.folder / f"{prefix}{sha256(text).hexdigest()[:ID_CHARS]}.{suffix}"
        try:
            with self._lock:
                self.folder.mkdir(mode=0o700, exist_ok=True)
                if path.exists() or len(list(self.folder.glob(f"{prefix}*"))) >= MAX_KEPT:
                    return
                private_file(path, data)
        except OSError as error:
            log.error("%s: cannot be written: %s", path, error.strerror)
            return
        log.error("%s: kept, since it does not go with what was cosigned", path)
