"""Whether this database still holds everything that witnesses have seen of it (registry 5.4).

A backup that was restored, or a standby that was promoted too early, lacks decisions that people
hold signed. It looks whole from within; only somebody who remembers a longer log can tell.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from proto.checkpoint import Checkpoint, read_checkpoint
from proto.note import NoteKey
from proto.record_parts import RecordWitness
from proto.wire import WireFault
from registry.publishing.shard_log import ShardLog
from registry.publishing.witness_calls import WitnessCalls, WitnessSilent
from runtime.schema import StoreUnusable

log = logging.getLogger(__name__)

KeysOf = Callable[[str], Iterable[NoteKey]]
NEXT_STEP: Final = (
    "an old copy of the database must not decide: put the newest one back (a standby, a later"
    " backup, the disk itself)"
)


class LogSetBack(StoreUnusable):
    """The database lacks what was logged before, or holds something else: nothing is served."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a witness has cosigned of one of our logs; signed by our own key."""

    witness: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Replies:
    """Who answered for every log that was asked about, and what they claim."""

    answered: frozenset[str]
    claims: tuple[Claim, ...]


class Standing:
    """Asks all witnesses at once, each on its own connection. Used by one thread."""

    def __init__(self, witnesses: Iterable[RecordWitness], keys_of: KeysOf) -> None:
        self._calls = [WitnessCalls(witness) for witness in witnesses]
        self._keys_of = keys_of

    def close(self) -> None:
        """From any thread: lets a round that is under way end at once."""
        for calls in self._calls:
            calls.close()

    def ask(self, origins: Iterable[str], without: frozenset[str]) -> Replies:
        """One round, for all witnesses that are not in `without`."""
        wanted = tuple(origins)
        asked = [c for c in self._calls if c.witness.key.name not in without]
        if not asked:
            return Replies(frozenset(), ())
        with ThreadPoolExecutor(len(asked), "standing") as threads:
            rounds = list(threads.map(lambda calls: self._ask_one(calls, wanted), asked))
        answered = [c.witness.key.name for c, r in zip(asked, rounds, strict=True) if r is not None]
        claims = [claim for found in rounds if found is not None for claim in found]
        return Replies(frozenset(answered), tuple(claims))

    def _ask_one(self, calls: WitnessCalls, origins: Iterable[str]) -> list[Claim] | None:
        name = calls.witness.key.name
        try:
            notes = {origin: calls.newest(origin) for origin in origins}
        except WitnessSilent as silent:
            log.warning("witness %s does not say what it knows: %s", name, silent)
            return None
        finally:
            calls.drop()
        claims = []
        for origin, note in notes.items():
            if note is None:
                continue
            checkpoint = self._read(note, origin)
            if checkpoint is None:
                # Not our signature: a witness cannot make us believe that we were set back.
                log.warning("witness %s shows a checkpoint of %s that is not ours", name, origin)
                return None
            claims.append(Claim(name, checkpoint))
        return claims

    def _read(self, note: bytes, origin: str) -> Checkpoint | None:
        for key in self._keys_of(origin):
            try:
                return read_checkpoint(note, key)[0]
            except WireFault:
                continue
        return None


def require_standing(place: str, claims: Iterable[Claim], logs: Mapping[str, ShardLog]) -> None:
    """LogSetBack where a witness knows more, or something else. `logs` by origin, up to date."""
    for claim in claims:
        theirs = claim.checkpoint
        ours = logs.get(theirs.origin)
        size = 0 if ours is None else ours.size
        who = f"witness {claim.witness}"
        if theirs.size > size:
            raise LogSetBack(
                f"{place}: has {size} entries of log {theirs.origin}, but {who} has cosigned"
                f" {theirs.size}: {NEXT_STEP}"
            )
        if ours is not None and ours.root_at(theirs.size) != theirs.root:
            raise LogSetBack(
                f"{place}: the first {theirs.size} entries of log {theirs.origin} are not those"
                f" that {who} has cosigned: {NEXT_STEP}"
            )
