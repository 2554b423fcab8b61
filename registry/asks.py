"""What callers ask for, as it was read from the wire and before anybody has looked at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskCommit:
    descriptor: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class AskDecline:
    descriptor: bytes
    preimage: bytes


@dataclass(frozen=True, slots=True)
class AskQuery:
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class AskById:
    commit_id: bytes


@dataclass(frozen=True, slots=True)
class AskAnnounce:
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class AskNothing:
    """An item that says nothing we know."""


Ask = AskCommit | AskDecline | AskQuery | AskById | AskAnnounce | AskNothing
