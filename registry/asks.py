"""What callers ask for, as it was read from the wire and before anybody has looked at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskCommit:
    """Decide: both as the exact bytes that came."""

    descriptor: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class AskDecline:
    """End it early, by the preimage that the descriptor names the hash of."""

    descriptor: bytes
    preimage: bytes


@dataclass(frozen=True, slots=True)
class AskQuery:
    """What is decided? With the descriptor, so that the answer can be final."""

    descriptor: bytes


@dataclass(frozen=True, slots=True)
class AskById:
    """What is known? 32 bytes; never final while there is no row."""

    commit_id: bytes


@dataclass(frozen=True, slots=True)
class AskAnnounce:
    """A commit will come: keep a place for it."""

    descriptor: bytes


@dataclass(frozen=True, slots=True)
class AskNothing:
    """An item that says nothing we know."""


Ask = AskCommit | AskDecline | AskQuery | AskById | AskAnnounce | AskNothing
