"""Rounds of one shard: sign a checkpoint, gather cosignatures, and from a quorum on show it."""

import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from proto.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint
from proto.limits import US
from proto.note import Note
from proto.wire import WireFault
from registry.publishing.coverage import Begun, Coverage, Covered
from registry.publishing.history import History, Kept
from registry.publishing.plan import LogPlan
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.publishing.witness_link import Answered, Offer
from runtime.clock import Clock

log = logging.getLogger(__name__)

PACE_S: Final = 0.25  # between two checkpoints of a log that grows; registry 8 asks for 0.5
RESIGN_S: Final = 3000.0  # a log that rests is signed and cosigned anew, at least hourly
IDLE_S: Final = 1.0  # how often it is looked for entries that nobody told of
ROUND_S: Final = 5.0  # without a quorum by then a newer checkpoint is shown to the witnesses


@dataclass(frozen=True, slots=True)
class _Round:
    """A signed checkpoint that is on its way. `until_s`, time.monotonic(): it is given up."""

    checkpoint: Checkpoint
    note: Note
    begun: Begun
    until_s: float


class ShardRounds:
    """Owned by the publisher's thread. LogDamaged, OSError, DBAPIError from what writes."""

    def __init__(
        self,
        plan: LogPlan,
        shard: int,
        history: History,
        coverage: Coverage,
        clock: Clock,
    ) -> None:
        self.shard = shard
        self._plan = plan
        self._history = history
        self._coverage = coverage
        self._clock = clock
        self._round: _Round | None = None
        self._not_before_s = 0.0
        self.fresh_until_s = 0.0  # time.monotonic() until which no new signature is due
        files, origin = plan.files(shard), plan.origin(shard)
        covered = _read_covered(files, plan, origin)
        size = 0 if covered is None else covered[0].size
        self.log = ShardLog(origin, files, size)
        if covered is not None:
            self._take_up(*covered)

    def _take_up(self, checkpoint: Checkpoint, note: Note) -> None:
        if self.log.checkpoint() != checkpoint:
            raise LogDamaged(
                f"{self.log.files.folder}: its tiles are not those of its checkpoint; move it away"
                " and start again: tiles are written anew from the database"
            )
        if self._plan.enough(self.shard, note):
            kept = self._history.newest(self.shard)
            at_us = self._clock.now_us() if kept is None else kept.at_us
            covered = Covered(checkpoint, note.encode(), at_us)
            self._coverage.cover(self.shard, covered, self._coverage.begin(self.shard))

    # ------------------------------------------------------------ time

    def busy(self, now_s: float) -> bool:
        """Whether nothing new is to be signed yet. `now_s`: time.monotonic()."""
        under_way = self._round is not None and now_s < self._round.until_s
        return under_way or now_s < self._not_before_s

    def due_s(self) -> float:
        """Seconds until there may be something to do without anybody's telling."""
        ends_s = self._not_before_s if self._round is None else self._round.until_s
        left_s = ends_s - time.monotonic()
        return left_s if left_s > 0 else IDLE_S

    # ------------------------------------------------------------ rounds

    def sign(self, begun: Begun, now_s: float) -> Offer:
        """Signs the tree as it is now; the offer is for the witnesses."""
        checkpoint = self.log.checkpoint()
        note = sign_checkpoint(checkpoint, self._plan.key_at(self._clock.now_us()))
        # Crash here, or before a quorum has answered: some witnesses have cosigned what nobody
        # was shown. The next run signs this tree or a longer one, which continues it.
        self._not_before_s = now_s + PACE_S
        if self._plan.quorum_of(self.shard) == 0:
            self._show(checkpoint, note, begun)
        else:
            self._round = _Round(checkpoint, note, begun, now_s + ROUND_S)
        until_s = now_s + self._plan.mmd_us / 2 / US  # registry 8: none older is submitted
        return Offer(self.shard, checkpoint, note, self.log.files, until_s)

    def take(self, answered: Answered) -> None:
        """A cosignature has come."""
        checkpoint = answered.offer.checkpoint
        current = self._round
        if current is not None and current.checkpoint == checkpoint:
            note = current.note.with_signatures([answered.signature])
            if not self._plan.enough(self.shard, note):
                self._round = replace(current, note=note)
                return
            self._round = None
            self._show(checkpoint, note, current.begun)
            return
        shown = self._coverage.covered.get(self.shard)
        if shown is not None and shown.checkpoint == checkpoint:
            # One more than were needed: whoever asks for more witnesses than we do is served too.
            self._show_more(shown, Note.decode(shown.note).with_signatures([answered.signature]))

    def give_up(self, checkpoint: Checkpoint) -> None:
        """Witnesses have seen a longer tree than this one: the next is signed without delay."""
        if self._round is not None and self._round.checkpoint == checkpoint:
            self._round = None

    def _show(self, checkpoint: Checkpoint, note: Note, begun: Begun) -> None:
        covered = Covered(checkpoint, note.encode(), self._clock.now_us())
        if checkpoint.size > self._coverage.size(self.shard):
            # A log that rested and is cosigned anew keeps its first, older times: they are worth
            # more to whoever has to show that a decision was logged in time.
            self._history.add(self.shard, Kept(checkpoint.size, covered.at_us, covered.note))
        # Crash here: kept, and not shown. The next run shows this one or a newer one.
        self.log.files.write_checkpoint(covered.note)
        # Crash here: shown, and no statement has been given its proof yet; the next run takes it
        # up from the file.
        self._coverage.cover(self.shard, covered, begun)
        self.log.drop_outgrown()
        self.fresh_until_s = time.monotonic() + RESIGN_S

    def _show_more(self, shown: Covered, note: Note) -> None:
        more = replace(shown, note=note.encode())
        kept = self._history.newest(self.shard)
        if kept is not None and kept.note == shown.note:
            self._history.add(self.shard, replace(kept, note=more.note))
        self.log.files.write_checkpoint(more.note)
        self._coverage.improve(self.shard, more)


def _read_covered(files: TileFiles, plan: LogPlan, origin: str) -> tuple[Checkpoint, Note] | None:
    data = files.read_checkpoint()
    if data is None:
        return None
    for key in plan.note_keys(origin):
        try:
            return read_checkpoint(data, key)
        except WireFault:
            continue
    raise LogDamaged(
        f"{files.folder}/checkpoint: not one that a key of this registry signed; move"
        f" {files.folder} away and start again: it is written anew from the database"
    )
