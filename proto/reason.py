"""Why something was refused: the closed list that travels in Refuse, Release and Denied."""

from dataclasses import dataclass
from enum import IntEnum, unique


@unique
class Reason(IntEnum):
    """The meaning of `figure` stands behind each; where nothing is said it is 0."""

    # the promise itself
    LINE_UNKNOWN = 1
    LINE_CLOSED = 2
    AMOUNT_ZERO = 3
    CREDIT_SHORT = 4  # smallest units short
    PENDING_FULL = 5  # promises pending
    PROMISE_REPEATED = 6  # the id stands for other content
    LEVEL_UNKNOWN = 7
    DESCRIPTOR_INVALID = 8
    DEADLINE_PASSED = 9  # µs past
    EXPIRY_PASSED = 10  # µs past
    BELOW_UNIT = 11  # the brand's smallest transferable amount
    AMOUNT_TOO_LARGE = 12
    # the pair: protocol section 4
    INSTRUCTIONS_UNREADABLE = 20
    REGISTRY_NOT_ACCEPTED = 21  # V1, V6
    PROXY_NOT_ALLOWED = 22  # V2
    PAIR_NEVER_USED = 23  # V3
    POLICY_MISSING = 24  # V4
    NOT_WATCHING = 25  # V7
    HOLD_TOO_LONG = 26  # V8: µs beyond hold_max
    SCHEDULE_TOO_TIGHT = 27  # V8: µs missing between two expiries, or before D
    MODE_REFUSED = 28  # V9: the mode
    DECLINE_NOT_ALLOWED = 29  # V12
    ADMISSION_MISSING = 30  # V6
    FEE_SHORT = 31  # smallest units short
    EXCHANGE_REFUSED = 32
    NEXT_LINE_UNKNOWN = 33
    NEXT_HOP_DOWN = 34
    LOOP = 35
    CLOCK_UNSAFE = 36  # own clock error, or the registry's, beyond what the margins contain
    STORE_FULL = 37
    NEXT_CREDIT_SHORT = 38  # smallest units short on the line ahead
    # the payee
    REQUEST_UNKNOWN = 50
    REQUEST_EXPIRED = 51  # µs past
    REQUEST_PAID = 52
    REQUEST_BUSY = 53  # another attempt is live
    REQUEST_MISMATCH = 54  # descriptor, amount or brand differ from the request
    LAST_LEVEL_REFUSED = 55
    POLICY_REFUSED = 56
    TIME_SHORT = 57  # µs missing to sign safely
    PAYEE_DECLINED = 58
    ABANDONED = 59
    # how a promise ended further along
    EXPIRED_AHEAD = 70
    ABORTED_AHEAD = 71
    REFUSED_AHEAD = 72
    # a claim: Denied
    CLAIM_UNKNOWN = 80
    CLAIM_ENDED = 81
    CLAIM_LATE = 82  # µs past the expiry
    CLAIM_UNSTAMPED = 83
    CLAIM_INVALID = 84
    # the owner's own requests
    LINE_EXISTS = 100
    LINE_STATE = 101
    PAYMENT_LIVE = 102
    PAYMENT_DONE = 103
    NO_ROUTE = 104
    COST_ABOVE_MAX = 105  # smallest units above
    REQUEST_UNREADABLE = 106
    SELF_PAYMENT = 107
    BALANCE_OPEN = 108  # smallest units still owed on a line that is to be closed
    REGISTRY_SILENT = 109
    REPEATED_OTHERWISE = 110  # the same id was used with another body
    STOPPING = 111
    # exchanges
    EXCHANGE_UNKNOWN = 120
    EXCHANGE_STATE = 121  # it has gone on, or ended: what was asked is not open any more
    ACCOUNT_UNKNOWN = 122  # the number of the leg for which there is none
    # sales that an agent judges
    SALE_UNKNOWN = 130
    SALE_STATE = 131  # it has gone on, or ended: what was asked is not open any more
    SALE_NOT_YOURS = 132  # another part may do that, or it is the other side's turn
    SALE_INVALID = 133  # a document that does not fit the sale
    # people whose accounts a node keeps, and what they approve
    PERSON_UNKNOWN = 140
    NAME_TAKEN = 141
    INVITATION_ENDED = 142  # used, withdrawn, or out of date
    CODE_USED = 143
    BALANCE_SHORT = 144  # smallest units short in the account
    CONFIRMATION_UNKNOWN = 145
    CONFIRMATION_ENDED = 146  # approved, denied or expired already
    APPROVAL_MISMATCH = 147  # what was signed is not what was shown
    MANDATE_ENDED = 148  # revoked, out of date, or never granted
    MANDATE_EXCEEDED = 149  # smallest units beyond one of its caps
    LIMIT_REACHED = 150  # of a person: how many there may be
    ANOTHER_PAYER = 151  # a request for the payers of another node
    BRAND_OTHERWISE = 152  # the id of a brand that is known here by another name or unit
    CREDENTIAL_RESTS = 153  # µs until this passkey may approve


@dataclass(frozen=True, slots=True)
class Refusal:
    """A clean no: nothing changed. `figure` is explained beside the reason; never negative."""

    reason: Reason
    figure: int = 0
