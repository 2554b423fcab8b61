"""A registry for tests: its terms, its clock, its store, and things to ask it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from node.command.sim.cast import NOW_US, R1, SECOND, digest
from proto.commit import Evidence
from proto.descriptor import Descriptor, commit_id
from proto.policy import RegistryPolicy
from registry.decider import Decider
from registry.examine import Examiner, examine_decline
from registry.log import (
    CommitShown,
    DeclineShown,
    Logged,
    Query,
    Subject,
    Terms,
)
from registry.signer import Signer
from registry.store import Ledger, open_ledger
from registry.timing import ClockRules, Reading
from runtime.clock import FakeClock
from tests.proto.build import DESCRIPTOR, make_commit

ERROR_US = 50_000
GUARD_US = 2 * SECOND
ORIGIN = "example.net/log"
TERMS = Terms(R1.id, GUARD_US, SECOND // 2, 30 * 86_400 * SECOND)
RULES = ClockRules(250_000, 0, 2**61)
SIGNER = Signer(R1.id, ORIGIN, R1.online)
EXAMINER = Examiner(R1.id, {}, lambda: NOW_US)
PREIMAGE = b"a preimage that declines"
DECLINE_HASH = sha256(PREIMAGE).digest()


def descriptor(label: str, **changes: object) -> Descriptor:
    """A transaction of its own; D and policy are those of tests.proto.build unless changed."""
    return replace(DESCRIPTOR, salt=digest(label), **changes)  # type: ignore[arg-type]


def subject(d: Descriptor) -> Subject:
    data = d.encode()
    return Subject(commit_id(data), d, data)


def declinable(label: str, **changes: object) -> Subject:
    return subject(descriptor(label, decline_hash=DECLINE_HASH, **changes))


def commit_shown(s: Subject) -> CommitShown:
    """A commit with true evidence, examined."""
    return EXAMINER.commit(s, make_commit(s.descriptor).evidence, known=False)


def bad_commit_shown(s: Subject) -> CommitShown:
    """A commit whose share is for another transaction."""
    other = make_commit(replace(s.descriptor, salt=digest("somebody else's")))
    return EXAMINER.commit(s, other.evidence, known=False)


def decline_shown(s: Subject, preimage: bytes = PREIMAGE) -> DeclineShown:
    return examine_decline(s, preimage)


def reading(now_us: int, error_us: int = ERROR_US, *, usable: bool = True) -> Reading:
    return Reading(now_us, error_us, usable)


def collective(n: int, f: int = 0, delta_us: int = 2 * SECOND) -> RegistryPolicy:
    """A policy of n members, R1 among them, with symmetric quorums."""
    others = [digest(f"member {i}") for i in range(n - 1)]
    quorum = -(-(n + f + 1) // 2)
    return RegistryPolicy(tuple(sorted([R1.id, *others])), quorum, quorum, f, delta_us)


def preimages_of(evidence: bytes) -> tuple[bytes, ...]:
    return Evidence.decode(evidence).preimages


@dataclass(frozen=True)
class OpenRegistry:
    """A decider on a real database, with a clock that moves only when told to."""

    decider: Decider
    ledger: Ledger
    clock: FakeClock

    def ask(self, s: Subject) -> object:
        return self.decider.answer([Query(s)])[0]

    def stored(self, s: Subject) -> Logged | None:
        return self.ledger.find([s.key]).get(s.key)


@contextmanager
def open_registry(path: Path, clock: FakeClock) -> Iterator[OpenRegistry]:
    with open_ledger(path) as store, store.engine.connect() as connection:
        ledger = Ledger(connection)
        ledger.claim(R1.id, ORIGIN, path)
        yield OpenRegistry(Decider(ledger, clock, TERMS, RULES), ledger, clock)
