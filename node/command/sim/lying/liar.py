"""One cheat: which lies it tells at the moment, what it has heard that may serve it, and how often
it lied. It outlives its process, as a bad habit does."""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import Final

from node.command.sim.plan import Fault
from node.core.events import FromPeer
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit
from proto.keys import NodeId
from proto.messages import Body, Claim, Passed, Promise

REMEMBERED: Final = 64  # of each kind: what is older has been settled, and repeats nothing

Said = tuple[NodeId, Body]


@dataclass
class Liar:
    """Owned by trio. `lies`: what it does now, and how often, per mille of its occasions.

    Each lie has dice of its own, so that one is told in the same way without the others.
    """

    seed: float
    lies: dict[Fault, int] = field(default_factory=dict)
    told: Counter[Fault] = field(default_factory=Counter)
    said: deque[Said] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    promises: deque[tuple[NodeId, Promise]] = field(
        default_factory=lambda: deque(maxlen=REMEMBERED)
    )
    evidence: deque[Commit | CommitCertificate] = field(
        default_factory=lambda: deque(maxlen=REMEMBERED)
    )
    aborts: deque[AbortCertificate] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    held_until_us: dict[bytes, int] = field(default_factory=dict)  # commits, from the registry
    bent: dict[tuple[NodeId, bytes], None] = field(default_factory=dict)  # payloads that lie
    _dice: dict[Fault, Random] = field(default_factory=dict)

    def dice(self, lie: Fault) -> Random:
        """What decides about this lie alone."""
        if lie not in self._dice:
            self._dice[lie] = Random(f"{self.seed} {lie.value}")
        return self._dice[lie]

    def tells(self, lie: Fault) -> bool:
        """Whether it takes this occasion; counted where it does."""
        chance = self.lies.get(lie, 0)
        if not chance or self.dice(lie).randrange(1000) >= chance:
            return False
        self.told[lie] += 1
        return True

    @property
    def counts(self) -> dict[str, int]:
        """How often it lied, by the word of `--faults`."""
        return {lie.value: count for lie, count in self.told.items()}

    def hears(self, event: FromPeer) -> None:
        """What neighbours say may be of use later."""
        match event.body:
            case Promise() as promise:
                self.promises.append((event.peer, promise))
            case Claim() as claim:
                self.evidence.append(claim.evidence)
            case Passed() as passed:
                self.aborts.append(passed.certificate)
            case _:
                pass

    def remembers(self, said: Said) -> None:
        """What it has said itself, to say it again."""
        self.said.append(said)
        if isinstance(said[1], Claim):
            self.evidence.append(said[1].evidence)
