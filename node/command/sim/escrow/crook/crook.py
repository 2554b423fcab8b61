"""A dishonest node: what it hears and keeps, how often it cheats, and how its letters are bent.

What it decided once about a letter it sticks to: an honest core repeats it until it is answered.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

import trio

from node.command.sim.escrow.crook.letters import Bent, bent, wrapped
from proto.envelope import Envelope
from proto.escrow.letters import (
    LETTER_KIND,
    Body,
    Decided,
    Give,
    Given,
    LegAccept,
    LegsAccepted,
    Receive,
    decode_letter,
    letter_id,
)
from proto.keys import NodeId
from proto.wire import WireFault
from runtime.identity import Identity

CHANCES: Final = 1000
SIGNED: Final = ("Post", "Batch", "Open")  # whose questions are signed
KEPT: Final = 400  # letters of others, to be replayed
Send = Callable[[NodeId, str, bytes], Awaitable[None]]


class Crook:
    """`strength`: occasions taken of a thousand. `played`: how often which trick; `only`: the
    tricks that it knows, empty: all."""

    def __init__(
        self, identity: Identity, strength: int, random: Random, only: frozenset[str] = frozenset()
    ) -> None:
        self.identity = identity
        self.strength = strength
        self.random = random
        self.only = only
        self.played: Counter[str] = Counter()
        self.heard: list[tuple[str, bytes]] = []  # method and signed bytes, of others and its own
        self.promises: dict[bytes, None] = {}  # signed ones, of any deal
        self.accepts: dict[bytes, LegAccept] = {}  # by what is in them
        self.certificates: dict[bytes, Decided] = {}
        self.schemes: dict[bytes, str] = {}  # deals whose terms it has made, and how
        self._chosen: dict[bytes, Bent] = {}

    def tells(self, trick: str) -> bool:
        """Whether it takes this occasion."""
        if self.only and trick not in self.only:
            return False
        if self.random.randrange(CHANCES) >= self.strength:
            return False
        self.played[trick] += 1
        return True

    # ------------------------------------------------------------------ what it hears and says

    def hears(self, method: str, said: bytes) -> None:
        """A question to it has arrived."""
        self._keep(method, said)

    def _keep(self, method: str, said: bytes) -> None:
        if len(self.heard) < KEPT and method.rpartition("/")[2] in SIGNED:
            self.heard.append((method, said))
        body = body_of(said)
        match body:
            case Given(promise=promise) if promise:
                self.promises[promise] = None
            case Receive(promises=promises):
                self.promises |= dict.fromkeys(promises)
            case LegsAccepted(legs=legs) | Give(legs=legs):
                self.accepts |= {leg.hold or leg.request: leg for leg in legs}
            case Decided():
                self.certificates[body.certificate.commit_id] = body
            case _:
                pass

    async def says(self, to: NodeId, method: str, said: bytes) -> bytes:
        """What it says instead of what its core wants said; perhaps late, perhaps never."""
        self._keep(method, said)
        body = body_of(said)
        if body is None:
            return said if not self._withholds(method, said) else await trio.sleep_forever()
        payload = Envelope.decode_unverified(said).payload
        chosen = self._chosen.get(letter_id(payload))
        if chosen is None:
            chosen = self._chosen[letter_id(payload)] = self._bend(to, body)
        if chosen.withheld:
            await trio.sleep_forever()
        if chosen.after_s:
            await trio.sleep(chosen.after_s)
        if chosen.body == body:
            return said
        return wrapped(self.identity.key, to, decode_letter(payload).sent_at_us, chosen.body)

    def _bend(self, to: NodeId, body: Body) -> Bent:
        return bent(self, to, body)

    def _withholds(self, method: str, said: bytes) -> bool:
        """A batch to a registrar that it should send: it prepares nothing."""
        key = letter_id(said)
        if key not in self._chosen:
            held = method.endswith("/Batch") and self.tells("prepares-nothing")
            self._chosen[key] = Bent(None, withheld=held)
        return self._chosen[key].withheld

    @property
    def known(self) -> Mapping[bytes, Decided]:
        """Certificates that it has been shown."""
        return self.certificates


def body_of(said: bytes) -> Body | None:
    """What a letter says; None where it is none."""
    try:
        envelope = Envelope.decode_unverified(said)
        return decode_letter(envelope.payload).body if envelope.kind == LETTER_KIND else None
    except WireFault:
        return None
