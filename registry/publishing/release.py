"""What goes out with which proof (registry section 8, release): the last step of every answer.

"logged": a statement goes out once its row and its log entry are durable; the proof follows as soon
as somebody asks again. "covered": it goes out beneath a cosigned checkpoint, or not at all.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import trio

from registry.log import Answer, Logged, Reason, Refused
from registry.publishing.leaf_source import place_of
from registry.publishing.prover import Prover
from registry.publishing.running import Publishing
from registry.publishing.tile_files import LogDamaged
from runtime.away import run_away

log = logging.getLogger(__name__)

COVER_WAIT_S: Final = 3.0  # below the 5 s that a node waits for an answer; typical is under one
PROOF_ROOM: Final = 2048  # a path of 20 hashes and the signatures of half a dozen witnesses
PROOF_FRAMING: Final = 8

_STALLED: Final = Refused(Reason.LOG_STALLED)
_TOO_MUCH: Final = Refused(Reason.OVER_QUOTA)


class Release:
    """Owned by trio."""

    def __init__(self, publishing: Publishing, prover: Prover, *, covered: bool) -> None:
        self._publishing = publishing
        self._prover = prover
        self._covered = covered
        self._proving = trio.CapacityLimiter(1)  # proofs share one interpreter anyway

    @property
    def reserved(self) -> int:
        """Bytes that each answer needs beside its statement."""
        return PROOF_ROOM if self._covered else 0

    async def finish(
        self, answers: Sequence[Answer], *, wait: bool = True
    ) -> tuple[list[Answer], dict[int, bytes]]:
        """What may go out, and the log proofs that exist, by position.

        Where a proof is the condition, what has none becomes a refusal. Nothing is lost by that: it
        is decided, and whoever asks again is told. `wait`: for witnesses, where that helps.
        """
        if not self._covered:
            return list(answers), await self._prove(answers)
        if wait:
            await self._await_cover(answers)
        proofs = await self._prove(answers)
        released = [
            _STALLED if isinstance(answer, Logged) and at not in proofs else answer
            for at, answer in enumerate(answers)
        ]
        return released, proofs

    def fit(
        self,
        answers: list[Answer],
        proofs: dict[int, bytes],
        start: int,
        rooms: list[int],
        most: int,
    ) -> None:
        """Leaves out the proofs that one call's answers would grow beyond `most` bytes with.

        `rooms`: what each answer of the call, from position `start` on, has for itself; changed to
        what it has with its proof.
        """
        left = most - sum(rooms)
        for at in range(start, start + len(rooms)):
            if at not in proofs:
                continue
            more = max(0, len(proofs[at]) + PROOF_FRAMING - self.reserved)
            if more <= left:
                left -= more
                rooms[at - start] += more
                continue
            del proofs[at]
            if self._covered:
                answers[at] = _TOO_MUCH  # as for every answer that does not fit: ask for fewer

    async def _await_cover(self, answers: Sequence[Answer]) -> None:
        places: dict[int, int] = {}
        for answer in answers:
            if isinstance(answer, Logged):
                shard, index = place_of(answer)
                places[shard] = max(index, places.get(shard, index))
        if places:
            await self._publishing.cover(places, COVER_WAIT_S)

    async def _prove(self, answers: Sequence[Answer]) -> dict[int, bytes]:
        coverage = self._publishing.coverage
        wanted: dict[int, tuple[int, int]] = {}
        for at, answer in enumerate(answers):
            if isinstance(answer, Logged):
                shard, index = place_of(answer)
                if index < coverage.size(shard):
                    wanted[at] = shard, index
        if not wanted:
            return {}  # whatever was decided just now comes by here: nothing is waited for
        return await run_away(self._prove_all, wanted, limiter=self._proving)

    def _prove_all(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, bytes]:
        proofs: dict[int, bytes] = {}
        for at, (shard, index) in wanted.items():
            try:
                proof = self._prover.prove(shard, index)
            except (LogDamaged, OSError) as fault:
                log.error("a statement goes without its proof: %s", fault)
                continue
            if proof:
                proofs[at] = proof
        return proofs
