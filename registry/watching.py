"""One watcher of transactions: hears what is known, what is decided, and at last the log proof."""

from collections.abc import Sequence
from typing import Final

import trio

from proto.descriptor import commit_id
from proto.limits import US
from proto.statement import Interim
from proto.v1 import registry_pb2 as rpb
from registry.asks import AskQuery
from registry.desk import Desk
from registry.hub import Bell, Hub
from runtime.rpc import Send

ASK_AGAIN_S: Final = 0.25  # the least pause between two looks at one pending id
REFUSED_PAUSE_S: Final = 1.0
PASSING: Final = (rpb.OVER_QUOTA, rpb.CLOCK_UNSAFE, rpb.LOG_STALLED)  # true now, not for ever
LONGEST_WAIT_S: Final = 60.0  # a clock that was set, or became usable again, is noticed by then
PROOF_LOOKS_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # together half of the usual MMD


async def follow(
    desk: Desk, hub: Hub, descriptors: Sequence[bytes], send: Send[rpb.Answer], caller: str
) -> None:
    """Sends a final answer at once, and once more when it has got its log proof.

    A proof that does not come in time is not waited for any longer: whoever wants it asks later.
    """
    asks = {commit_id(data): AskQuery(data) for data in descriptors}
    with hub.listen(asks) as bell:  # before asking, or a decision slips between
        await _Watcher(desk, asks, send, caller).run(bell)


class _Watcher:
    def __init__(
        self, desk: Desk, asks: dict[bytes, AskQuery], send: Send[rpb.Answer], caller: str
    ) -> None:
        self._desk = desk
        self._asks = asks
        self._send = send
        self._caller = caller
        self._look_at_s = dict.fromkeys(asks, trio.current_time())  # when to ask again, by id
        self._told: set[bytes] = set()
        self._looks: dict[bytes, int] = {}  # at what is final already, for its proof

    async def run(self, bell: Bell) -> None:
        rung: set[bytes] = set()
        while self._look_at_s:
            now_s = trio.current_time()
            # Our own look rings the bell too: what is final already waits for its time.
            rung -= self._looks.keys()
            due = [i for i, at_s in self._look_at_s.items() if at_s <= now_s or i in rung]
            for answer in await self._desk.answer([self._asks[i] for i in due], self._caller):
                await self._hear(answer, now_s)
            if self._look_at_s:
                rung = await bell.wait(min(self._look_at_s.values()) - trio.current_time())

    async def _hear(self, answer: rpb.Answer, now_s: float) -> None:
        about = answer.commit_id
        known = about in self._looks
        final = answer.WhichOneof("answer") == "final"
        pause_s = self._proof_pause_s(about, answer) if final or known else _pause_s(answer)
        if (final and (not known or answer.final.tlog_proof)) or (
            not known and (pause_s is None or about not in self._told)
        ):
            await self._send(answer)
            self._told.add(about)
        if pause_s is None:
            del self._look_at_s[about]
        else:
            self._look_at_s[about] = now_s + pause_s

    def _proof_pause_s(self, about: bytes, answer: rpb.Answer) -> float | None:
        """How long until the proof may be there; None once it is, or has not come for long."""
        look = self._looks.get(about, 0)
        self._looks[about] = look + 1
        if answer.final.tlog_proof or look >= len(PROOF_LOOKS_S):
            return None
        return PROOF_LOOKS_S[look]


def _pause_s(answer: rpb.Answer) -> float | None:
    """How long until it is worth asking again; None where the answer stays as it is."""
    match answer.WhichOneof("answer"):
        case "interim":
            interim = Interim.decode(answer.interim.interim)
            surely_us = interim.final_after_us + 2 * interim.max_error_us
            pause_s = (surely_us - interim.as_of_us) / US
            return min(max(pause_s, ASK_AGAIN_S), LONGEST_WAIT_S)
        case "refusal":
            return REFUSED_PAUSE_S if answer.refusal.reason in PASSING else None
        case _:
            return None
