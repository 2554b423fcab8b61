"""What can happen to a sale. Time, keys and what was signed outside come in with it."""

from dataclasses import dataclass

from node.core.sale.agents import ListSeen
from node.core.sale.rows import KnownAgent
from proto.keys import NodeId
from proto.sale.letters import SaleWords
from proto.sale.stakes import Decision


@dataclass(frozen=True, slots=True)
class Entering:
    """What a party takes part with. `seed`: 32 fresh bytes; `box`: X25519 public key of this sale;
    `slot`: registrar (32 bytes) and slot of its account at the house, empty for an arbiter."""

    seed: bytes
    box: bytes
    slot: bytes = b""
    options: str = "{}"


@dataclass(frozen=True, slots=True)
class OpenSale:
    """The buyer offers: both documents are signed."""

    now_us: int
    offer: bytes
    rule: bytes
    entering: Entering


@dataclass(frozen=True, slots=True)
class BidRule:
    """Either side names whom it accepts; the seller's first takes part by it (`entering`)."""

    now_us: int
    sale: bytes
    rule: bytes
    entering: Entering | None = None


@dataclass(frozen=True, slots=True)
class EnterSale:
    """The agent or the arbiter takes the case."""

    now_us: int
    sale: bytes
    entering: Entering


@dataclass(frozen=True, slots=True)
class CloseSale:
    """Not any more: while nobody is bound, or as a plea to the agent."""

    now_us: int
    sale: bytes


@dataclass(frozen=True, slots=True)
class ContractDrafted:
    """The buyer's node has signed the contract that all joined, and made T0's descriptor."""

    now_us: int
    sale: bytes
    contract: bytes
    agreement: bytes


@dataclass(frozen=True, slots=True)
class GiveCredential:
    """The seller's credential, sealed to the agent."""

    now_us: int
    sale: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class HandOver:
    """The agent hands over: what is sealed to the buyer under `secret` (K), his signed statement,
    the log; `salts`: 32 fresh bytes for T1's terms."""

    now_us: int
    sale: bytes
    sealed: bytes
    statement: bytes
    log: tuple[bytes, ...]
    secret: bytes
    salts: bytes


@dataclass(frozen=True, slots=True)
class RefuseCredential:
    """The agent could not use it: nobody has locked anything yet. `log`: what he did with it."""

    now_us: int
    sale: bytes
    log: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowControl:
    """The buyer's signed proof of control goes to the agent, too."""

    now_us: int
    sale: bytes
    statement: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """The agent says "delivered" (Ta). `proof`: the proof of control that he has found, or empty:
    then he holds his share of T2 back, so that a challenge finds it open."""

    now_us: int
    sale: bytes
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class SignDecision:
    """A party's share of RELEASE, REFUND or SLASH; or CHALLENGE, which the buyer signs alone."""

    now_us: int
    sale: bytes
    decision: Decision


@dataclass(frozen=True, slots=True)
class DeclineDecision:
    """The party ends the decision that it may end early: the seller concedes (T2), the agent says
    "not delivered" (Ta), the buyer does not object (Tc)."""

    now_us: int
    sale: bytes


@dataclass(frozen=True, slots=True)
class CastVote:
    """The party's signed vote on the agent. It is sealed at the house now, and opened later."""

    now_us: int
    sale: bytes
    vote: bytes


@dataclass(frozen=True, slots=True)
class SaleLetterCame:
    """A verified letter about a sale. `signed`: as it came. `entering`: with what this node takes
    the case by itself, where it is asked to judge and its rule covers it. `unfit`: of a Lock, what
    is sealed in it is not for us, or its log is broken."""

    now_us: int
    sender: NodeId
    words: SaleWords
    signed: bytes = b""
    entering: Entering | None = None
    unfit: bool = False


@dataclass(frozen=True, slots=True)
class KeepAgent:
    """An agent's offer is learned, or one's own is made; or a house has shown his past."""

    now_us: int
    row: KnownAgent | ListSeen


SaleEvent = (
    OpenSale
    | BidRule
    | EnterSale
    | CloseSale
    | ContractDrafted
    | GiveCredential
    | HandOver
    | RefuseCredential
    | ShowControl
    | Attest
    | SignDecision
    | DeclineDecision
    | CastVote
    | SaleLetterCame
    | KeepAgent
)
