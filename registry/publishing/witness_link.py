"""One thread for each witness: shows it the newest checkpoint, and hands back its cosignature.

A slow witness holds up nobody: while it is busy newer checkpoints replace the one that waits.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proto.checkpoint import Checkpoint, cosigned_at_s
from proto.limits import US
from proto.note import Note, NoteSignature
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.publishing.witness_calls import Ahead, Cosigned, Forked, WitnessCalls, WitnessSilent
from registry.tlog import consistency_proof

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0  # a witness that is back is used again within this


@dataclass(frozen=True, slots=True)
class Offer:
    """A checkpoint to be cosigned. `until_s`: time.monotonic() after which it is too old for it."""

    shard: int
    checkpoint: Checkpoint
    note: Note
    files: TileFiles
    until_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A witness's verified cosignature of an offer."""

    offer: Offer
    signature: NoteSignature


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A witness knows a longer log than the one offered, or another: our log was set back."""

    offer: Offer
    witness: str
    size: int


Told = Callable[[Answered | Contradicted], None]


class WitnessLink:
    """`tell` is called from the link's thread."""

    def __init__(self, calls: WitnessCalls, tell: Told) -> None:
        self._calls = calls
        self._tell = tell
        self._turn = threading.Condition()
        self._offers: dict[int, Offer] = {}  # by shard, the newest alone
        self._closing = False
        self.silent_since_s: float | None = None  # time.monotonic() of the first lost call in a row
        self.cosigned_at_us = 0  # its newest cosignature in this run, shown or not; 0: none
        name = f"witness {calls.witness.key.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def name(self) -> str:
        return self._calls.witness.key.name

    def start(self) -> None:
        self._thread.start()

    def offer(self, offer: Offer) -> None:
        """Replaces an older offer of the same shard that still waits."""
        with self._turn:
            self._offers[offer.shard] = offer
            self._turn.notify()

    def close(self) -> None:
        """Nothing is told after this has returned, unless a call is stuck in the network."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._calls.close()
        if self._thread.is_alive():
            self._thread.join(LONGEST_PAUSE_S)

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._calls.drop()

    def _serve(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (offer := self._next()) is not None:
            try:
                self._show(offer)
            except (WitnessSilent, LogDamaged) as fault:
                if self.silent_since_s is None:
                    log.warning("witness %s: %s", self.name, fault)
                    self.silent_since_s = time.monotonic()
                if not self._rest(offer, pause_s):
                    return
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if self.silent_since_s is not None:
                    log.warning("witness %s: answers again", self.name)
                self.silent_since_s, pause_s = None, FIRST_PAUSE_S

    def _next(self) -> Offer | None:
        with self._turn:
            while not self._closing:
                if self._offers:
                    return self._offers.pop(next(iter(self._offers)))
                self._turn.wait()
        return None

    def _rest(self, offer: Offer, pause_s: float) -> bool:
        """Puts the offer back, unless there is a newer one; False at the end."""
        with self._turn:
            self._offers.setdefault(offer.shard, offer)
            self._turn.wait_for(lambda: self._closing, pause_s)
            return not self._closing

    def _show(self, offer: Offer) -> None:
        if time.monotonic() > offer.until_s:
            return  # registry 8: never submitted older than MMD/2; a newer one comes
        read = offer.files.read_tile
        answer = self._calls.add(
            offer.note, offer.checkpoint, lambda old, new: consistency_proof(old, new, read)
        )
        match answer:
            case Ahead(size) | Forked(size):
                self._tell(Contradicted(offer, self.name, size))
            case Cosigned(signatures):
                key = self._calls.witness.key
                signed = offer.note.with_signatures(signatures)
                at_s = cosigned_at_s(signed, key)
                if at_s is None:
                    raise WitnessSilent("its cosignature is not by the key that we know")
                self.cosigned_at_us = max(self.cosigned_at_us, at_s * US)
                # What else it sent along is left out: only what was verified is passed on.
                alone = (Note(offer.note.text, (one,)) for one in signatures)
                mine = next(n for n in alone if cosigned_at_s(n, key) is not None)
                self._tell(Answered(offer, mine.signatures[0]))
