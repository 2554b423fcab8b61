"""Log proofs for statements: under the first checkpoint that covered them, so that they show when.

Reads tiles and the history of checkpoints; called in threads, never on the decision path.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

from proto.limits import MAX_TLOG_PROOF_BYTES
from proto.tlog_proof import LogProof
from registry.publishing.history import History
from registry.publishing.plan import LogPlan
from registry.publishing.tile_files import TileFiles
from registry.tlog import Pyramid, TreeReader, inclusion_path_of

KNOWN_TILES: Final = 256  # of each shard: some 30 KiB each, the last 65,536 entries among them

Place = tuple[int, int, int]


class _KnownTiles(OrderedDict[Place, Pyramid]):
    """The tiles that were used last. Whole ones never change, and no partial one does either."""

    def __setitem__(self, place: Place, pyramid: Pyramid) -> None:
        super().__setitem__(place, pyramid)
        if len(self) > KNOWN_TILES:
            self.popitem(last=False)


class Prover:
    """`prove` from any thread, one at a time."""

    def __init__(self, plan: LogPlan, history: History) -> None:
        self._plan = plan
        self._history = history
        self._lock = Lock()
        self._shards: dict[int, tuple[TileFiles, _KnownTiles]] = {}

    def prove(self, shard: int, index: int) -> bytes:
        """The encoded LogProof; empty where no covering checkpoint is kept. LogDamaged."""
        with self._lock:
            kept = self._history.first_covering(shard, index)
            if kept is None:
                return b""
            if shard not in self._shards:
                self._shards[shard] = self._plan.files(shard), _KnownTiles()
            files, known = self._shards[shard]
            tree = TreeReader(kept.size, files.read_tile, known)
            path = tuple(inclusion_path_of(tree, index))
        proof = LogProof(index, path, kept.note).encode()
        assert len(proof) <= MAX_TLOG_PROOF_BYTES, len(proof)
        return proof
