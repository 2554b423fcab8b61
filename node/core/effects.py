"""Everything a node can ask of the world. Nothing here happens before its changes are durable."""

from dataclasses import dataclass

from node.core.rows import Ask
from proto.keys import NodeId
from proto.messages import Body
from proto.reason import Refusal


@dataclass(frozen=True, slots=True)
class Send:
    """A message to a neighbour; it is numbered, kept and repeated until acknowledged."""

    peer: NodeId
    body: Body


@dataclass(frozen=True, slots=True)
class AskRegistries:
    """Ask the members of the policy. Lost answers are asked for again: the row says when."""

    commit: bytes
    ask: Ask


@dataclass(frozen=True, slots=True)
class Answer:
    """What the owner's request came to: a refusal, or None for done."""

    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class PeerFault:
    """A neighbour said what no honest one says: end this connection."""

    peer: NodeId
    cause: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """A letter row to be said now; unanswered, its row says when again."""

    letter: bytes


@dataclass(frozen=True, slots=True)
class DrivePayment:
    """A payment that the core has made itself is to be routed and begun."""

    payment: bytes


@dataclass(frozen=True, slots=True)
class DraftContract:
    """All parties of a sale have named their keys: its contract is to be made and signed."""

    sale: bytes


@dataclass(frozen=True, slots=True)
class Notify:
    """A notice row to be said now; unanswered, its row says when again."""

    notice: bytes


Effect = Send | AskRegistries | Answer | PeerFault | Deliver | DrivePayment | DraftContract | Notify
