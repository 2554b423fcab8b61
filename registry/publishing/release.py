"""What goes out with which proof (registry section 8, release): the last step of every answer.

"logged": a statement goes out once its row and its log entry are durable; the proof follows as soon
as somebody asks again. "covered": it goes out beneath a cosigned checkpoint, or not at all.
"""

import logging
from collections.abc import Sequence
from typing import Final

import trio

from proto.v1 import registry_pb2 as rpb
from registry.log import Answer, Logged
from registry.publishing.prover import Prover
from registry.publishing.running import Publishing
from registry.publishing.tile_files import LogDamaged

log = logging.getLogger(__name__)

COVER_WAIT_S: Final = 3.0  # below the 5 s that a node waits for an answer; typical is under one


class Release:
    """Owned by trio."""

    def __init__(self, publishing: Publishing, prover: Prover, *, covered: bool) -> None:
        self._publishing = publishing
        self._prover = prover
        self._covered = covered
        self._proving = trio.CapacityLimiter(1)  # proofs share one interpreter anyway

    async def finish(
        self, answers: Sequence[Answer], messages: Sequence[rpb.Answer], room: int
    ) -> list[rpb.Answer]:
        """The messages in order, with proofs as far as they exist and fit into `room` bytes."""
        if self._covered:
            await self._await_cover(answers)
        proofs = await self._proofs(answers, messages)
        finished = []
        for at, message in enumerate(messages):
            proof = proofs.get(at, b"")
            is_final = message.WhichOneof("answer") == "final"
            if proof and len(proof) + 8 <= room:
                room -= len(proof) + 8
                message.final.tlog_proof = proof
            elif is_final and self._covered:
                # Nothing is lost: it is decided, and whoever asks again is told.
                reason = rpb.OVER_QUOTA if proof else rpb.LOG_STALLED
                refusal = rpb.RegistryRefused(reason=reason)
                message = rpb.Answer(refusal=refusal, commit_id=message.commit_id)
            finished.append(message)
        return finished

    async def finish_one(self, logged: Logged, message: rpb.Answer) -> rpb.Answer:
        """The same for a decision that is looked up by its archive id."""
        return (await self.finish([logged], [message], 1 << 20))[0]

    async def _await_cover(self, answers: Sequence[Answer]) -> None:
        places: dict[int, int] = {}
        for answer in answers:
            if isinstance(answer, Logged):
                shard, index = place_of(answer)
                places[shard] = max(index, places.get(shard, index))
        if places:
            await self._publishing.cover(places, COVER_WAIT_S)

    async def _proofs(
        self, answers: Sequence[Answer], messages: Sequence[rpb.Answer]
    ) -> dict[int, bytes]:
        coverage = self._publishing.coverage
        wanted: dict[int, tuple[int, int]] = {}
        for at, answer in enumerate(answers):
            if isinstance(answer, Logged):
                shard, index = place_of(answer)
                if index < coverage.size(shard) and messages[at].WhichOneof("answer") == "final":
                    wanted[at] = shard, index
        if not wanted:
            return {}  # whatever was decided just now comes by here: nothing is waited for
        return await trio.to_thread.run_sync(self._prove, wanted, limiter=self._proving)

    def _prove(self, wanted: dict[int, tuple[int, int]]) -> dict[int, bytes]:
        proofs = {}
        for at, (shard, index) in wanted.items():
            try:
                proofs[at] = self._prover.prove(shard, index)
            except LogDamaged as damage:
                log.error("a statement goes without its proof: %s", damage)
        return proofs


def place_of(logged: Logged) -> tuple[int, int]:
    """(shard, index) of a decision's entry."""
    return 0, logged.index
