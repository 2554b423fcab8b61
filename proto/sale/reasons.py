"""Why a sale ended before anybody was bound, or without its stakes: a closed list that travels."""

from enum import IntEnum, unique


@unique
class SaleReason(IntEnum):
    """A clean no. What each asks of whom stands in the command's texts."""

    NONE = 0
    REFUSED = 1  # a side does not want it
    NO_AGENT = 2  # the sides do not agree on one, or time ran out
    AGENT_REFUSED = 3
    ARBITER_REFUSED = 4
    EXPIRED = 5  # somebody did not answer in time
    HOUSE_REFUSED = 6  # the registrar does not open the pool
    TERMS_MISMATCH = 7  # a document that does not say what was agreed
    NO_ACCOUNT = 8  # a party has no account of the deposit brand
    NO_POLICY = 9  # the registry is not one that the party accepts
    FUNDS_SHORT = 10  # a stake cannot be given
    NOT_LOCKED = 11  # T1 was not committed in time: all stakes went back
    CREDENTIAL_BAD = 12  # the agent could not use what the seller handed over
    HANDOVER_BAD = 13  # what the agent sealed does not open to the buyer under the key of T1
