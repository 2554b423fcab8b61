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
SPREAD_US: Final = 10 * US  # payments that are decided together fall due this close together


@dataclass(frozen=True, slots=True)
class Transaction:
    """A commit that is ready to be sent."""

    commit_id: bytes
    descriptor: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """Draws transactions that a registry of this policy decides; each has keys of its own."""

    policy: RegistryPolicy
    committers: int
    due_from_us: int
    random: Random

    def draw(self, count: int) -> list[Transaction]:
        """Some 60 µs each with one committer, most of it for its key and its signature."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Transaction:
        keys = [SigningKey(self.random.randbytes(KEY_BYTES)) for _ in range(self.committers)]
        data = Descriptor(
            salt=self.random.randbytes(KEY_BYTES),
            deadline_us=self.due_from_us + self.random.randrange(SPREAD_US),
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
