"""Everything a node remembers, as frozen rows. One class, one table of the store."""

from node.core.escrow.rows import Account, Deal, KnownRight, Letter, Seat, Standing
from node.core.keyed import Key, Keyed, replace
from node.core.money_rows import (
    Ask,
    Direction,
    Incident,
    IncidentKind,
    Line,
    LinePhase,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Settled,
    Shown,
    Transaction,
)
from node.core.people.rows import (
    Confirmation,
    Credential,
    Entry,
    Invitation,
    KnownDomain,
    KnownPayee,
    KnownRequester,
    Mandate,
    Notice,
    Person,
    Purse,
    RecoveryCode,
    Session,
)
from node.core.sale.agents import ListSeen
from node.core.sale.rows import KnownAgent, Sale

__all__ = [
    "Account",
    "Ask",
    "Confirmation",
    "Credential",
    "Deal",
    "Direction",
    "Entry",
    "Incident",
    "IncidentKind",
    "Invitation",
    "Key",
    "Keyed",
    "KnownAgent",
    "KnownDomain",
    "KnownPayee",
    "KnownRequester",
    "KnownRight",
    "Letter",
    "Line",
    "LinePhase",
    "ListSeen",
    "Mandate",
    "Notice",
    "Payment",
    "PaymentPhase",
    "Person",
    "Promise",
    "PromisePhase",
    "Purse",
    "RecoveryCode",
    "Request",
    "RequestPhase",
    "Role",
    "Row",
    "Sale",
    "Seat",
    "Session",
    "Settled",
    "Shown",
    "Standing",
    "Transaction",
    "replace",
]


Row = (
    Line
    | Promise
    | Transaction
    | Payment
    | Request
    | Incident
    | Settled
    | Account
    | Deal
    | KnownRight
    | Letter
    | Seat
    | Standing
    | Sale
    | KnownAgent
    | ListSeen
    | Confirmation
    | Credential
    | Entry
    | Invitation
    | KnownDomain
    | KnownPayee
    | KnownRequester
    | Mandate
    | Notice
    | Person
    | Purse
    | RecoveryCode
    | Session
)
