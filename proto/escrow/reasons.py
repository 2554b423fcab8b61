"""Why an exchange does not come about: the closed list that travels in Withdraw and Given."""

from enum import IntEnum, unique


@unique
class EscrowReason(IntEnum):
    """A clean no. What each asks of whom stands in the command's texts."""

    NONE = 0
    # before the terms are fixed
    REFUSED_BY_OWNER = 1
    EXPIRED = 2  # not everybody had joined in time
    WITHDRAWN = 3  # by the initiator
    PROPOSAL_INVALID = 4
    NO_ACCOUNT = 5  # the seat has none for a right that it gives or receives
    NO_POLICY = 6  # no registry policy that all accept
    NOT_AUTHORISED = 7  # the seat's party does not let this seat join by itself
    # once they are fixed
    DESCRIPTOR_INVALID = 20
    TERMS_MISMATCH = 21  # an opening does not say what was proposed
    TOO_LATE = 22
    REGISTRAR_REFUSED = 23
    NO_ROUTE = 24
    PAYMENT_FAILED = 25
    PROMISE_INVALID = 26
    CANCELLED = 27
    SILENT = 28  # a seat or a registrar did not answer in time
    FUNDS_SHORT = 29
