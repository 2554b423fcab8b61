"""One audit of a registry: every shard replayed, and compared with all that others saw of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from proto.fraud.accused import Accused, MonitorsOf, WitnessesOf, no_monitors
from proto.fraud.file import SignedObservation
from proto.fraud.verdict import FraudInvalid, Verdict
from proto.registry_record import RegistryRecord, read_record
from proto.shard import shard_of, shard_origin
from proto.wire import WireFault
from registry.audit.accuse import Accuser, Shown
from registry.audit.monitoring import newest_lacking, read_observations, was_silent
from registry.audit.places import temporary_places
from registry.audit.replay import Finding, Places, Replay, Seen, Wrong
from registry.audit.sightings import AuditState, ask_witnesses, gather, kept_notes
from registry.audit.source import Source, SourceFault, entry_tiles
from registry.audit.statements import Held, pairs, read_statements

Progress = Callable[[int, int, int], None]
"""(shard, entries replayed, entries in all)."""

TRIES: Final = 4  # of a source that lags behind what others saw of it
MAX_FINDINGS: Final = 1000  # of one shard: a log wrong throughout is not listed to its end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to audit by. `mirror`: another copy; `state`: what the last audit saw.

    `observations`: of monitors, who count by `monitors_of`. `silent_since_us`: since when the
    registry cannot be had, where `source` is a copy of what it showed before.
    """

    source: Source
    witnesses_of: WitnessesOf
    now_us: int
    state: AuditState | None = None
    mirror: Source | None = None
    statements: Path | None = None
    observations: Path | None = None
    monitors_of: MonitorsOf = no_monitors
    silent_since_us: int | None = None
    ask_witnesses: bool = True
    pause: Callable[[], None] = lambda: None  # before a source that lags is asked again


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its fraud file and verdict, where there can be one."""

    finding: Finding
    file: bytes = b""
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What was replayed of one shard, and how many other checkpoints it agreed with."""

    shard: int
    origin: str
    size: int
    root: bytes
    compared: int


@dataclass
class Report:
    """What an audit found. `notes`: what it could not compare with, a line each.

    `lacking`: by origin, the newest checkpoint of a log that a monitor may sign for lacking an
    entry that was due.
    """

    record: RegistryRecord
    shards: list[ShardReport] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    statements: int = 0
    lacking: dict[str, bytes] = field(default_factory=dict)


def audit(wanted: Wanted, progress: Progress) -> Report:
    """Replays everything. SourceFault where the registry shows no usable record."""
    try:
        record = read_record(wanted.source.record())
    except WireFault as fault:
        raise SourceFault(f"{wanted.source.name}: {fault}") from fault
    accused = Accused(record, None, wanted.now_us, wanted.witnesses_of, wanted.monitors_of)
    with temporary_places() as places:
        return _Audit(wanted, accused, places, progress).run()


def origin_of(record: RegistryRecord, shard: int) -> str:
    """The origin of a shard's log; shard 0 is the one log that there was before shards."""
    return shard_origin(record.log_origin, shard) if shard else record.log_origin


class _Audit:
    """The work in progress."""

    def __init__(
        self, wanted: Wanted, accused: Accused, places: Places, progress: Progress
    ) -> None:
        self._wanted = wanted
        self._accused = accused
        self._places = places
        self._progress = progress
        self._accuser = Accuser(accused)
        self._report = Report(accused.record)
        self._held: dict[tuple[str, int], list[Held]] = {}
        self._words: list[SignedObservation] = []

    def run(self) -> Report:
        self._read_statements()
        record, now_us = self._accused.record, self._wanted.now_us
        last = shard_of(now_us + max(0, record.max_deadline_us))
        shards = self._wanted.source.shards(shard_of(now_us), last)
        for shard in shards:
            self._shard(shard, origin_of(record, shard))
        names = {origin_of(record, shard): shard for shard in shards}
        for (origin, index), held in self._held.items():
            self._unmatched(names.get(origin), index, held)
        return self._report

    def _read_statements(self) -> None:
        if self._wanted.observations is not None:
            self._words = read_observations(self._wanted.observations)
        if self._wanted.statements is None:
            return
        held = read_statements(self._wanted.statements, self._accused)
        self._report.statements = len(held)
        for one in held:
            self._held.setdefault(one.place, []).append(one)
            invalid = self._accuser.invalid(one)
            if invalid is not None:
                self._add(Finding(Wrong.INVALID, 0, one.place[1], str(one.path)), invalid)
        for one, other in pairs(held):
            made = self._accuser.two_answers(one, other)
            if made is not None:
                detail = f"{one.path} and {other.path}"
                finding = Finding(Wrong.TWO_ANSWERS, 0, one.place[1], detail)
                self._report.found.append(Found(finding, *made))

    # ------------------------------------------------------------ one shard

    def _shard(self, shard: int, origin: str) -> None:
        source = self._wanted.source
        # What others saw comes first: meanwhile the log only grows.
        seen = self._sightings(shard, origin)
        note = self._newest(shard, max((s.size for s in seen), default=0))
        try:
            checkpoint, _ = self._accused.checkpoint(note or b"")
        except FraudInvalid as fault:
            self._add(Finding(Wrong.CHECKPOINT, shard, 0, str(fault)))
            return
        assert note is not None
        if checkpoint.origin != origin:
            self._add(Finding(Wrong.CHECKPOINT, shard, 0, checkpoint.origin))
            return
        shown = Shown(source, shard, checkpoint.size, note)
        self._accuser.logs[shard] = shown
        self._accuser.seen[shard] = seen
        replay = Replay(shard, self._accused.mmd_us, seen, self._places)
        before = len(self._report.found)
        try:
            self._replay(replay, shown, origin)
        except SourceFault as fault:
            self._add(Finding(Wrong.MISSING, shard, replay.frontier.size, str(fault)))
            return
        if replay.frontier.root() != checkpoint.root:
            self._add(Finding(Wrong.ROOT, shard, checkpoint.size))
            return
        self._findings(replay.end(), shown)
        report = ShardReport(shard, origin, checkpoint.size, checkpoint.root, len(seen))
        self._report.shards.append(report)
        if self._wanted.state is not None and len(self._report.found) == before:
            self._wanted.state.keep(origin, note)

    def _newest(self, shard: int, at_least: int) -> bytes | None:
        """The note that the source shows. A witness may know it before a quorum does."""
        for attempt in range(TRIES):
            note = self._wanted.source.checkpoint(shard)
            try:
                size = self._accused.checkpoint(note or b"")[0].size
            except FraudInvalid:
                return note
            if size >= at_least:
                break
            if attempt + 1 < TRIES:
                self._wanted.pause()
        return note

    def _replay(self, replay: Replay, shown: Shown, origin: str) -> None:
        left = MAX_FINDINGS
        for tile in entry_tiles(0, shown.size):
            start = replay.frontier.size
            leaves = shown.source.entries(shown.shard, tile.index, tile.width)
            found = replay.take(leaves)
            self._findings(found[:left], shown)
            left = max(0, left - len(found))
            self._match(origin, start, leaves, shown)
            self._progress(shown.shard, replay.frontier.size, shown.size)

    def _sightings(self, shard: int, origin: str) -> list[Seen]:
        bad: list[str] = []
        silent: list[str] = []
        seen = gather(self._accused, origin, self._notes(shard, origin, silent), bad)
        self._report.notes += silent
        self._report.notes += [f"{whence}: its note of {origin} does not count" for whence in bad]
        return seen

    def _notes(self, shard: int, origin: str, silent: list[str]) -> Iterator[tuple[bytes, str]]:
        wanted = self._wanted
        yield from kept_notes(wanted.source, shard, wanted.source.name)
        last = None if wanted.state is None else wanted.state.last(origin)
        if last is not None:
            yield last, "the last audit"
        if wanted.mirror is not None:
            yield from kept_notes(wanted.mirror, shard, f"mirror {wanted.mirror.name}")
        if wanted.ask_witnesses:
            yield from ask_witnesses(self._accused.record.witnesses, origin, silent)

    # ------------------------------------------------------------ what is wrong

    def _findings(self, findings: Sequence[Finding], shown: Shown) -> None:
        for finding in findings:
            match finding.wrong:
                case Wrong.SPLIT:
                    seen = self._seen_at(finding)
                    self._add(finding, self._accuser.split(finding.shard, seen))
                case Wrong.SHRUNK:
                    copy = self._copy(finding.shard)
                    made = None if copy is None else self._accuser.two_copies(finding.shard, copy)
                    self._add(finding, made)
                case _:
                    self._add(finding, self._accuser.file_of(finding))

    def _seen_at(self, finding: Finding) -> Seen:
        at = (s for s in self._accuser.seen[finding.shard] if s.size == finding.index)
        return next(s for s in at if finding.detail.endswith(s.whence))

    def _copy(self, shard: int) -> Shown | None:
        """The mirror's log, which may be longer than what the registry shows."""
        mirror = self._wanted.mirror
        note = None if mirror is None else mirror.checkpoint(shard)
        try:
            if mirror is None or note is None:
                return None
            return Shown(mirror, shard, self._accused.checkpoint(note)[0].size, note)
        except FraudInvalid:
            return None

    def _match(self, origin: str, start: int, leaves: list[bytes], shown: Shown) -> None:
        for index, leaf in enumerate(leaves, start):
            for held in self._held.pop((origin, index), []):
                if held.said.statement.leaf != leaf:
                    finding = Finding(Wrong.DIFFERS, shown.shard, index, str(held.path))
                    self._add(finding, self._accuser.differs(held, shown))

    def _unmatched(self, shard: int | None, index: int, held: list[Held]) -> None:
        """Statements about entries that the log does not have, or not yet."""
        for one in held:
            made = None if shard is None else self._accuser.withheld(one, shard)
            made = made or self._accuser.silent(one, self._words)
            due_us = one.said.decision.decided_at_us + self._accused.mmd_us
            lacking = self._lacks(shard, one, due_us)
            # A copy that we judge by in place of the log may only be older.
            overdue = due_us < self._wanted.now_us and self._wanted.silent_since_us is None
            if made is not None or overdue or lacking:
                finding = Finding(Wrong.WITHHELD, shard or 0, index, str(one.path))
                self._add(finding, made)

    def _lacks(self, shard: int | None, held: Held, due_us: int) -> bool:
        """Whether a monitor may sign that the log lacks it; then the checkpoint is noted.

        An answer by a fence has no time of its own, so nothing is due.
        """
        wanted, shown = self._wanted, self._accuser.logs.get(-1 if shard is None else shard)
        mmd_us = self._accused.mmd_us
        if shown is None or held.said.is_epoch or mmd_us <= 0:
            return False
        if not was_silent(due_us, wanted.now_us, wanted.silent_since_us, mmd_us):
            return False
        origin, index = held.place
        seen = self._accuser.seen.get(shown.shard, [])
        note = newest_lacking(shown.note, shown.size, seen, index)
        if note is not None:
            self._report.lacking[origin] = note
        return note is not None

    def _add(self, finding: Finding, made: tuple[bytes, Verdict] | None = None) -> None:
        self._report.found.append(Found(finding, *(made or ())))
