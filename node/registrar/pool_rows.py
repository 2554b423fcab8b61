"""Rows of the pools of sales (escrow section 8): frozen values. Amounts are whole units of the
pool's brand, times µs UTC."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from proto.limits import MAX_SEQUENCE
from proto.sale.stakes import Decision

NEVER_US: Final = MAX_SEQUENCE  # a time that no clock reaches, and that every database holds


@unique
class PoolState(IntEnum):
    """How a pool stands. OPEN: promised; FILLED: all stakes are in it; DONE: all is paid out;
    VOID: it was never filled, and never will be."""

    OPEN = 1
    FILLED = 2
    DONE = 3
    VOID = 4


@unique
class Said(IntEnum):
    """What has been shown of a decision."""

    NOTHING = 0
    ABORTED = 1
    COMMITTED = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """One sale's stakes. `id`: SHA-256 of the signed `contract`; `account`: of the pool itself;
    `opener`: account of the party against whose quota it counts while it is OPEN.

    `lock`: commit_id of the last T1, of which there were `locks`. `branch`, `bond_branch`: what has
    been paid (0: not yet), `paid_us`: when; `deciding`: commit_id to which votes are bound;
    `votes_over`: the votes' bonds are paid. `claimed`: a certificate says otherwise than was paid.
    `due_us`: when time alone brings something; `ended_us`: since when it is DONE or VOID.
    """

    id: bytes
    brand: bytes
    account: bytes
    opener: bytes
    contract: bytes
    agreement: bytes
    promise: bytes
    state: PoolState
    since_us: int
    due_us: int
    lock: bytes = b""
    locks: int = 0
    branch: int = 0
    bond_branch: int = 0
    deciding: bytes = b""
    paid_us: int = 0
    votes_over: bool = False
    claimed: bool = False
    ended_us: int = 0

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.id,)


@dataclass(frozen=True, slots=True)
class PoolDecision:
    """One decision of a pool's chain, by its commit_id, with the first certificate shown.

    `wanted`: its registry is asked about it once `final_after_us` has passed. `contrary`: the
    certificate of the opposite, where a commit dominates over an abort.
    """

    commit: bytes
    pool: bytes
    decision: Decision
    descriptor: bytes
    final_after_us: int
    wanted: bool = False
    said: Said = Said.NOTHING
    certificate: bytes = b""
    contrary: bytes = b""

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.commit,)


@dataclass(frozen=True, slots=True)
class PoolVote:
    """A party's vote: its hash first; `signed` once it is opened."""

    pool: bytes
    voter: bytes
    hash: bytes
    signed: bytes = b""

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.pool, self.voter)


@dataclass(frozen=True, slots=True)
class Rated:
    """One signed entry of an agent's list, for ever. `sequence` counts from 1."""

    brand: bytes
    agent: bytes
    sequence: int
    signed: bytes

    @property
    def key(self) -> tuple[bytes | int, ...]:
        return (self.brand, self.agent, self.sequence)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an agent's list ends: its last sequence, and SHA-256 of that entry's payload."""

    brand: bytes
    agent: bytes
    sequence: int = 0
    head: bytes = b""

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.brand, self.agent)


@dataclass(frozen=True, slots=True)
class Listed:
    """An agent's signed offer. `brands`: GUIDs behind each other; empty: any. `subject`: the tally
    that it counts in."""

    agent: bytes
    signed: bytes
    brands: bytes
    subject: bytes
    expires_us: int

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.agent,)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are of something that is bounded: open pools of an account (its id), or listed
    agents (AGENTS; those who own nothing here: WITHOUT_MEANS)."""

    subject: bytes
    count: int = 0

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.subject,)


AGENTS: Final = b"agents"
WITHOUT_MEANS: Final = b"agents without means"

PoolRow = Pool | PoolDecision | PoolVote | Rated | Standing | Listed | Tally
