"""T3 (registry section 5.3): the thread that publishes the log, behind the decisions.

Whatever it does can be done again. Entries are durable before it reads them, and a checkpoint that
it signs continues every one before it, because the database only grows. So a crash anywhere costs
time: the next run starts from the last covered checkpoint, and makes the same tiles.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from registry.publishing.coverage import Coverage
from registry.publishing.history import History
from registry.publishing.leaf_source import BARE_SHARD, LeafSource
from registry.publishing.plan import LogPlan
from registry.publishing.shard_log import STEP_LEAVES, ShardLog
from registry.publishing.shard_rounds import IDLE_S, ShardRounds
from registry.publishing.standing import NEXT_STEP, LogSetBack, Replies, Standing, require_standing
from registry.publishing.witness_calls import WitnessCalls
from registry.publishing.witness_link import Answered, Contradicted, WitnessLink
from registry.tlog import TILE_WIDTH
from runtime.clock import Clock

log = logging.getLogger(__name__)

ASK_AGAIN_S: Final = 1.0  # witnesses that do not say what they know
LAG_PARTS: Final = 4  # of MMD: a mark that is older is not fresh
TROUBLE_S: Final = 1.0  # after a full disk or a lost connection

MakeSource = Callable[[Connection], LeafSource]


class Publisher:
    """Owned by one thread, `run`. `nudge` and `close` from any."""

    def __init__(
        self,
        plan: LogPlan,
        engine: Engine,
        make_source: MakeSource,
        history: History,
        coverage: Coverage,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._make_source = make_source
        self._history = history
        self._coverage = coverage
        self._clock = clock
        self._turn = threading.Condition()
        self._dirty = False
        self._closing = False
        self._told: deque[Answered | Contradicted] = deque()
        self._rounds: dict[int, ShardRounds] = {}
        self._standing = Standing(plan.witnesses, plan.note_keys)
        self._links = [WitnessLink(WitnessCalls(w), self._hear) for w in plan.witnesses]

    @property
    def links(self) -> tuple[WitnessLink, ...]:
        return tuple(self._links)

    def nudge(self) -> None:
        """There may be new entries."""
        with self._turn:
            self._dirty = True
            self._turn.notify()

    def close(self) -> None:
        """Lets `run` return; what is not published yet is by the next run."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._standing.close()

    def run(self) -> None:
        """Until `close`. LogSetBack and LogDamaged where the daemon must not go on."""
        try:
            with self._engine.connect() as connection:
                source = self._make_source(connection)
                self._begin(source)
                self._confirm(source)
                for link in self._links:
                    link.start()
                while not self._closing:
                    self._wait(self._step(source))
        except LogSetBack:
            self._coverage.withdraw()  # the daemon ends; until it has, nothing more is decided
            raise
        finally:
            for link in self._links:
                link.close()

    # ------------------------------------------------------------ beginning

    def _begin(self, source: LeafSource) -> None:
        """Takes up every shard where it was, and brings its tiles up to the database."""
        while not self._closing and (late_s := self._trying(lambda: self._take_up(source))):
            self._wait(late_s)

    def _take_up(self, source: LeafSource) -> None:
        for shard in self._plan.shards_of(self._clock.now_us(), source.shards()):
            self._rounds_of(shard, source)
        if not self._plan.quorum:
            self._coverage.confirm()  # nobody else remembers; what we published ourselves is there
        self._extend_all(source)

    def _rounds_of(self, shard: int, source: LeafSource) -> ShardRounds:
        rounds = self._rounds.get(shard)
        if rounds is None:
            rounds = ShardRounds(self._plan, shard, self._history, self._coverage, self._clock)
            self._require_continued(rounds.log, shard, source)
            self._rounds[shard] = rounds
        return rounds

    def _require_continued(self, published: ShardLog, shard: int, source: LeafSource) -> None:
        """LogSetBack where the database does not begin with what is published.

        The last tile of entries is compared. Where somebody went on with an old copy, the entries
        after it differ, and the last of them stands there.
        """
        size, folder = source.log_size(shard), published.files.folder
        if published.size > size:
            raise LogSetBack(
                f"{self._plan.database}: has {size} entries of log {published.origin}, but"
                f" {folder} has published {published.size}: {NEXT_STEP}"
            )
        if published.size == 0:
            return
        start = (published.size - 1) // TILE_WIDTH * TILE_WIDTH
        shown = published.files.read_entries(start // TILE_WIDTH, published.size - start)
        if source.leaves(shard, start, published.size) != shown:
            raise LogSetBack(
                f"{self._plan.database}: its entries of log {published.origin} before"
                f" {published.size} are not those that {folder} has published: {NEXT_STEP}"
            )

    def _extend_all(self, source: LeafSource) -> None:
        for shard, rounds in self._rounds.items():
            self._extend(rounds, source, source.log_size(shard))

    def _extend(self, rounds: ShardRounds, source: LeafSource, size: int) -> None:
        while rounds.log.size < size and not self._closing:
            end = min(size, rounds.log.size + STEP_LEAVES)
            leaves = source.leaves(rounds.shard, rounds.log.size, end)
            assert len(leaves) == end - rounds.log.size, (rounds.shard, end, len(leaves))
            rounds.log.extend(leaves)

    def _confirm(self, source: LeafSource) -> None:
        """Asks witnesses what they have seen of us until enough have answered (registry 5.4.4).

        Nothing is decided meanwhile, and nothing is signed: both could contradict what they know.
        """
        answered: frozenset[str] = frozenset()
        while not self._closing and not self._coverage.checked:
            replies = self._standing.ask(self._origins(), answered)
            answered |= replies.answered
            self._require_standing(replies, source)
            if len(answered) >= self._plan.remembering:
                self._coverage.confirm()
                return
            log.warning(
                "%d of %d witnesses needed have said what they know of this log; until then"
                " nothing is decided",
                len(answered),
                self._plan.remembering,
            )
            self._wait(ASK_AGAIN_S)

    def _require_standing(self, replies: Replies, source: LeafSource) -> None:
        """Compares what witnesses claim with the database as it is after they said so.

        Another replica may publish meanwhile: what it published was durable before, so only a
        look that comes later than the claim can say that something is missing. LogSetBack.
        """
        while late_s := self._trying(partial(self._extend_all, source)):
            if self._closing:
                return
            self._wait(late_s)
        if not self._closing:
            require_standing(self._plan.database, replies.claims, self._logs())

    def _origins(self) -> list[str]:
        return [r.log.origin for r in self._rounds.values() if r.shard != BARE_SHARD]

    def _logs(self) -> dict[str, ShardLog]:
        return {rounds.log.origin: rounds.log for rounds in self._rounds.values()}

    # ------------------------------------------------------------ one step

    def _step(self, source: LeafSource) -> float:
        """Hears what witnesses answered, publishes what is new; seconds until the next step."""
        return self._trying(lambda: self._hear_all(source)) or self._publish(source)

    def _publish(self, source: LeafSource) -> float:
        pause_s = self._trying(lambda: self._know_all(source)) or IDLE_S
        for rounds in tuple(self._rounds.values()):
            late_s = self._trying(partial(self._advance, rounds, source))
            pause_s = min(pause_s, late_s or rounds.due_s())
        return pause_s

    def _know_all(self, source: LeafSource) -> None:
        for shard in source.shards():
            self._rounds_of(shard, source)

    def _advance(self, rounds: ShardRounds, source: LeafSource) -> None:
        now_s = time.monotonic()
        if rounds.busy(now_s):
            return
        begun = self._coverage.begin(rounds.shard)
        size = source.log_size(rounds.shard)
        if size < rounds.log.size:
            raise LogSetBack(
                f"{self._plan.database}: lost entries of log {rounds.log.origin} while we ran:"
                f" {rounds.log.size} were there, {size} are"
            )
        if size == self._coverage.size(rounds.shard):
            self._coverage.all_covered(rounds.shard, begun)
            if size == 0 or now_s < rounds.fresh_until_s or self._lags(source):
                return
        else:
            self._coverage.found_uncovered(rounds.shard, begun)
        self._extend(rounds, source, size)
        if self._closing:
            return
        offer = rounds.sign(begun, now_s)
        for link in self._links if rounds.shard != BARE_SHARD else ():
            link.offer(offer)

    def _lags(self, source: LeafSource) -> bool:
        """Whether a decision may have been on its way to the disk, or to a standby, for long.

        Cosigned anew without it, its own log would show that it was dated back (E6). The clock's
        mark is written behind every decision: where it is fresh none has waited for long.
        """
        return self._clock.now_us() - source.mark_us() > self._plan.mmd_us // LAG_PARTS

    # ------------------------------------------------------------ witnesses' answers

    def _hear(self, told: Answered | Contradicted) -> None:
        with self._turn:
            self._told.append(told)
            self._turn.notify()

    def _hear_all(self, source: LeafSource) -> None:
        while self._told:
            told = self._told[0]
            match told:
                case Answered():
                    self._rounds[told.offer.shard].take(told)
                case Contradicted():
                    self._doubt(told, source)
            self._told.popleft()  # a full disk above leaves it for the next step

    def _doubt(self, told: Contradicted, source: LeafSource) -> None:
        """A witness knows another log than the one it was shown. LogSetBack if it is right.

        It may also have seen what another replica published of the same database meanwhile.
        """
        log.warning(
            "witness %s knows %d entries of %s, and was shown %d",
            *(told.witness, told.size, told.offer.checkpoint.origin, told.offer.checkpoint.size),
        )
        others = frozenset(link.name for link in self._links) - {told.witness}
        self._require_standing(self._standing.ask(self._origins(), others), source)
        self._rounds[told.offer.shard].give_up(told.offer.checkpoint)

    # ------------------------------------------------------------ waiting

    def _trying(self, work: Callable[[], None]) -> float:
        """Runs `work`; 0, or how long to wait where disk or database refused.

        Publishing stands still then, and says so: with witnesses decisions stop after MMD/2.
        """
        try:
            work()
        except OSError as error:
            log.error("the log cannot be published: %s", error)
        except DBAPIError as error:
            log.error("the log cannot be published: %s", error.orig)
        else:
            return 0.0
        return TROUBLE_S

    def _wait(self, pause_s: float) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._closing or self._dirty or bool(self._told), pause_s)
            self._dirty = False
