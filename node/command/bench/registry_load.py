"""Transactions for a registry to decide, signed before anybody looks at a clock."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from proto.commit import Evidence, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import US
from proto.policy import RegistryPolicy
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb

DUE_IN_US: Final = 3600 * US  # longer than any run: nothing here is ever late
# Payments are given the same time and are decided when they like: what is decided together falls
# due within this span, and the span moves on with the load.
SPREAD_US: Final = 2 * US


@dataclass(frozen=True, slots=True)
class Transaction:
    """A commit that is ready to be sent."""

    commit_id: bytes
    descriptor: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """Draws transactions that a registry of this policy decides; each has keys of its own.

    `per_s`: how many of them fall due in a second, on average.
    """

    policy: RegistryPolicy
    committers: int
    due_from_us: int
    per_s: float
    random: Random

    def draw(self, start: int, count: int) -> list[Transaction]:
        """Those with numbers from `start` on; some 60 µs each, for a key and a signature mostly."""
        return [self._one(int(number * US / self.per_s)) for number in range(start, start + count)]

    def _one(self, after_us: int) -> Transaction:
        keys = [SigningKey(self.random.randbytes(KEY_BYTES)) for _ in range(self.committers)]
        data = Descriptor(
            salt=self.random.randbytes(KEY_BYTES),
            deadline_us=self.due_from_us + after_us + self.random.randrange(SPREAD_US),
            policy=self.policy,
            committers=tuple(key.public for key in keys),
            threshold=self.committers,
            terms_root=self.random.randbytes(KEY_BYTES),
        ).encode()
        commit = commit_id(data)
        shares = tuple(sign_share(key, commit) for key in keys)
        return Transaction(commit, data, Evidence(shares=shares).encode())


def unpredictable() -> Random:
    """A fast generator: keys of a benchmark guard nothing, but two runs must not collide."""
    return Random(os.urandom(KEY_BYTES))


def request(transactions: Sequence[Transaction]) -> bytes:
    """The DecideRequest that asks for all of them."""
    items = [
        rpb.DecideItem(commit=pb.Commit(descriptor=t.descriptor, evidence=t.evidence))
        for t in transactions
    ]
    return rpb.DecideRequest(items=items).SerializeToString()
