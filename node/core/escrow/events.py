"""What can happen to an exchange. Time, keys and what was verified outside come in with it."""

from dataclasses import dataclass

from node.core.people.rows import OfPeople
from node.core.rows import Account, Incident, KnownRight, Request, Standing
from proto.escrow.letters import Letter
from proto.escrow.proposal import Proposal
from proto.escrow.reasons import EscrowReason


@dataclass(frozen=True, slots=True)
class Joining:
    """What a seat joins with.

    `seed`: 32 fresh bytes. `accounts`: for each leg of the proposal the registrar (32 bytes) and
    slot of our account for it, b"" where the seat needs none. `wants`: numbers of legs whose
    promises the seat has to see, received ones included; `commits`: whether it signs. `policies`:
    positions in the proposal's list. `options`: JSON.
    """

    seed: bytes
    accounts: tuple[bytes, ...]
    wants: tuple[int, ...]
    commits: bool
    policies: tuple[int, ...]
    options: str = "{}"


@dataclass(frozen=True, slots=True)
class Propose:
    """The owner proposes: `signed` is what `proposal` says."""

    now_us: int
    signed: bytes
    proposal: Proposal
    decline_preimage: bytes


@dataclass(frozen=True, slots=True)
class JoinSeat:
    """The owner takes a seat that he was offered."""

    now_us: int
    deal: bytes
    seat: str
    joining: Joining


@dataclass(frozen=True, slots=True)
class LeaveSeat:
    """The owner does not, or not any more: whatever is signed already cannot be taken back."""

    now_us: int
    deal: bytes
    seat: str


@dataclass(frozen=True, slots=True)
class CancelDeal:
    """The initiator does not want it any more."""

    now_us: int
    deal: bytes


@dataclass(frozen=True, slots=True)
class LetterCame:
    """A verified letter to this node. `payload` is what was signed.

    `signed`: the letter as it came, to be shown to others. `fault`: what is wrong with a proposal
    in it, as this node compiles it. `joining`: where an invited seat may join by itself.
    `requests`: signed payment requests for the money legs of a Fix to a seat of ours, with the row
    of each (leg number, row). `seed`: 32 fresh bytes.
    """

    now_us: int
    letter: Letter
    payload: bytes
    seed: bytes = b""
    signed: bytes = b""
    fault: EscrowReason = EscrowReason.NONE
    joining: Joining | None = None
    requests: tuple[tuple[int, Request], ...] = ()


@dataclass(frozen=True, slots=True)
class LetterTaken:
    """The receiver of a letter has confirmed that its effect is durable."""

    now_us: int
    letter: bytes


@dataclass(frozen=True, slots=True)
class RegistrarSaid:
    """A registrar's verified answer to a batch of ours.

    `refused`: the number of its error (proto.v1 RegistrarError), 0 = done. `promise`: the signed
    promise, of a batch that prepares.
    """

    now_us: int
    letter: bytes
    refused: int = 0
    figure: int = 0
    promise: bytes = b""


@dataclass(frozen=True, slots=True)
class KeepRow:
    """The owner has opened an account, learned of a right, or set what seats may do; our registrar
    has something for its operator to look at; or a person came, went, or was invited."""

    now_us: int
    row: Account | KnownRight | Standing | Incident | OfPeople


EscrowEvent = (
    Propose | JoinSeat | LeaveSeat | CancelDeal | LetterCame | LetterTaken | RegistrarSaid | KeepRow
)
