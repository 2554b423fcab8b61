"""What a node remembers about sales and agents, as frozen rows (escrow section 8)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final

from node.core.keyed import Key, Keyed
from proto.sale.reasons import SaleReason
from proto.sale.stakes import STAKERS, Decision, SaleRole

NO_SHARES: Final = (b"",) * (len(Decision) * len(SaleRole))
NO_STAKES: Final = (b"",) * len(STAKERS)


@unique
class SalePhase(IntEnum):
    """Life of a sale at each of its parties; * final.

    OFFERED → CHOSEN → ASKED → JOINED → AGREEING → AGREED → LOCKING → LOCKED → SPLIT → ENDED*.
    CLOSED* ends it while nobody is bound; RETURNED* where T1 was not committed. From AGREED on
    certificates and deadlines alone move it.
    """

    OFFERED = 1  # rules go back and forth
    CHOSEN = 2  # an agent is found: salts and keys are shown
    ASKED = 3  # agent and arbiter are asked to come in
    JOINED = 4  # all have named their keys; the contract is made
    AGREEING = 5  # the contract is there, T0 is signed
    AGREED = 6  # T0 is committed: the hand-over
    LOCKING = 7  # T1 is known: stakes and shares
    LOCKED = 8  # T1 is committed: the stakes are in the pool, the key is public
    SPLIT = 9  # a branch is proven; votes
    ENDED = 10
    CLOSED = 11
    RETURNED = 12

    @property
    def final(self) -> bool:
        return self >= SalePhase.ENDED


@dataclass(frozen=True)
class Sale(Keyed):
    """A sale in which this node has the part `role`.

    `offer`: the signed one, whose hash is `id`. `rules`: signed, in their order; `reveals`: the
    words of the buyer's and the seller's; `joins`: signed letters in which the seller, the agent
    and the arbiter named their keys, at the buyer. `agent`: who was chosen, and `tip` of his.
    `seed` makes this node's one-time keys, salts, holds and decline preimages; `slot`: registrar
    and slot of its account at the house; `box`: its public X25519 key.
    `contract`, `agreement` (T0's descriptor), `promise`: as they came. `lock`: T1's descriptor,
    with `openings`; `staked`: the house's promises, in the order of STAKERS (at the arbiter, who
    has no stake: encoded words in which each named him T1); `shares`: by decision and part, as
    shares_to_bytes keeps them.
    `credential`: sealed to the agent; `sealed`: what opens with K, to the buyer; `statement`: the
    agent's HandedOver; `log`: of the hand-over; `secret`: K at the agent, until it is public.
    `shown`: the proof of control that the buyer sent to the agent; `proof`: the one that the agent
    found in the public place, or that the buyer made; `attested_at_us`: by the agent.
    `submitted`: bits of the decisions that this node has brought to the registry; `vote`: the
    signed one, `voted`: how far it is (SEALED, OPENED). `options`: JSON, what the owner allows.
    """

    table: ClassVar[str] = "sale"
    id: bytes
    role: SaleRole
    phase: SalePhase
    offer: bytes
    created_at_us: int
    due_at_us: int
    seed: bytes = b""
    slot: bytes = b""
    box: bytes = b""
    rules: tuple[bytes, ...] = ()
    reveals: tuple[bytes, ...] = (b"", b"")
    joins: tuple[bytes, ...] = (b"", b"", b"")
    agent: bytes = b""
    tip: int = 0
    contract: bytes = b""
    agreement: bytes = b""
    promise: bytes = b""
    credential: bytes = b""
    sealed: bytes = b""
    statement: bytes = b""
    log: tuple[bytes, ...] = ()
    secret: bytes = b""
    lock: bytes = b""
    openings: tuple[bytes, ...] = ()
    staked: tuple[bytes, ...] = NO_STAKES
    shares: tuple[bytes, ...] = NO_SHARES
    shown: bytes = b""
    proof: bytes = b""
    attested_at_us: int = 0
    submitted: int = 0
    vote: bytes = b""
    voted: int = 0
    ended_at_us: int = 0
    because: SaleReason = SaleReason.NONE
    blamed: SaleRole = SaleRole.HOUSE
    options: str = "{}"

    def _key(self) -> Key:
        return self.table, self.id, b""


SEALED: Final = 1
OPENED: Final = 2


@dataclass(frozen=True)
class KnownAgent(Keyed):
    """An agent whose signed offer this node has learned; `own`: its own offer, and `rule`: JSON,
    which sales it judges without being asked."""

    table: ClassVar[str] = "known_agent"
    agent: bytes
    offer: bytes
    learned_at_us: int
    own: bool = False
    rule: str = "{}"

    def _key(self) -> Key:
        return self.table, self.agent, b""
