"""Every reason for a no, in words: what it means, and what to do next (proto/reason.py)."""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.limits import US
from proto.modes import Mode
from proto.reason import Reason

R = Reason


@unique
class Figure(Enum):
    """What the number that travels with a reason counts."""

    NOTHING = 0
    AMOUNT = 1  # smallest units of the brand in question
    TIME = 2  # µs
    COUNT = 3
    MODE = 4


@dataclass(frozen=True, slots=True)
class Words:
    """`says` alone where no figure is known, else `says` + `detail` with the figure in it."""

    says: str
    next_step: str
    detail: str = ""
    figure: Figure = Figure.NOTHING


@dataclass(frozen=True, slots=True)
class Said:
    """Two half-sentences without a full stop, to be joined by a semicolon."""

    message: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}" if self.next_step else self.message


def _amount(says: str, detail: str, next_step: str) -> Words:
    return Words(says, next_step, detail, Figure.AMOUNT)


def _time(says: str, detail: str, next_step: str) -> Words:
    return Words(says, next_step, detail, Figure.TIME)


ANOTHER_ROUTE: Final = "another route may serve: try `pledgeway pay --dry-run`"
ASK_PAYEE: Final = "ask the payee for a new request"
ASK_OPERATOR: Final = "tell the node's operator, and try another route"
SEE_LINES: Final = "see `pledgeway line list`"
SEE_PAYMENTS: Final = "see `pledgeway payment list`"
SEE_SALE: Final = "`pledgeway sale show ID` says whose move it is"
TRY_AGAIN: Final = "try again"
SEE_PEOPLE: Final = "see `pledgeway people list`"
ASK_INVITATION: Final = "ask the node's operator for another invitation"
NOTHING_TO_DO: Final = "nothing is to be done"

WORDS: Final = {
    R.LINE_UNKNOWN: Words("there is no such line", SEE_LINES),
    R.LINE_CLOSED: Words("the line is closed to new promises", "offer a new one"),
    R.AMOUNT_ZERO: Words("an amount must be at least 1", "name a positive amount"),
    R.CREDIT_SHORT: _amount("the line is short", " by {}", "ask for less or have the limit raised"),
    R.PENDING_FULL: Words(
        "too many promises wait on the line",
        "wait until some have ended",
        ": {} are pending",
        Figure.COUNT,
    ),
    R.PROMISE_REPEATED: Words("a promise of this id exists with other content", ASK_OPERATOR),
    R.LEVEL_UNKNOWN: Words("the level of a promise is unknown", "update the node"),
    R.DESCRIPTOR_INVALID: Words("the transaction's descriptor is invalid", ASK_OPERATOR),
    R.DEADLINE_PASSED: _time("the transaction's deadline has passed", " by {}", TRY_AGAIN),
    R.EXPIRY_PASSED: _time(
        "a promise's expiry has passed", " by {}", "check the clocks, then try again"
    ),
    R.BELOW_UNIT: _amount(
        "the amount is no multiple of the brand's smallest unit", " of {}", "round the amount"
    ),
    R.AMOUNT_TOO_LARGE: Words("the amount is larger than any amount may be", "ask for less"),
    R.INSTRUCTIONS_UNREADABLE: Words(
        "a node could not read its instructions", "its keys may have changed: try again shortly"
    ),
    R.REGISTRY_NOT_ACCEPTED: Words(
        "a node that needs the registry does not accept it",
        "use another registry or accept this one: `pledgeway node registry accept`",
    ),
    R.PROXY_NOT_ALLOWED: Words("a PROXY promise stands where none may stand", ANOTHER_ROUTE),
    R.PAIR_NEVER_USED: Words("the levels before and after a node do not fit", ANOTHER_ROUTE),
    R.POLICY_MISSING: Words("the levels and the registry do not fit each other", ANOTHER_ROUTE),
    R.NOT_WATCHING: Words(
        "the pair of levels needs a node that watches the registry",
        "its operator can say `pledgeway fees set --watch`",
    ),
    R.HOLD_TOO_LONG: _time(
        "a promise would hold credit longer than a node allows",
        ", by {}",
        "use a shorter chain, or have `--hold-max` raised",
    ),
    R.SCHEDULE_TOO_TIGHT: _time(
        "the promises' expiries leave too little time", ": {} short", ANOTHER_ROUTE
    ),
    R.MODE_REFUSED: Words(
        "a node takes no promises in this mode", ANOTHER_ROUTE, ": {}", Figure.MODE
    ),
    R.DECLINE_NOT_ALLOWED: Words(
        "a node that relies on the registry cannot let the payee decline there", ANOTHER_ROUTE
    ),
    R.ADMISSION_MISSING: Words(
        "the registry has not announced that it will decide in time",
        "see whether it runs: `pledgeway registry status`",
    ),
    R.FEE_SHORT: _amount("a node was offered less than its price", ", {} short", TRY_AGAIN),
    R.EXCHANGE_REFUSED: Words("a node does not exchange these brands", ANOTHER_ROUTE),
    R.NEXT_LINE_UNKNOWN: Words("a node has no line to the next one", TRY_AGAIN),
    R.NEXT_HOP_DOWN: Words("a node on the route is not connected", "try again when it is back"),
    R.LOOP: Words("the chain would visit a node twice", ANOTHER_ROUTE),
    R.CLOCK_UNSAFE: _time(
        "a clock is too far off for anything but mode ATOMIC",
        ": up to {}",
        "synchronise the clock and lower clock.declared_error_ms",
    ),
    R.STORE_FULL: Words("a node's disk is full", "make room, then try again"),
    R.NEXT_CREDIT_SHORT: _amount(
        "a line further along is short", " by {}", "ask for less or try another route"
    ),
    R.REQUEST_UNKNOWN: Words("there is no such request", "see `pledgeway request list`"),
    R.REQUEST_EXPIRED: _time("the request has expired", " {} ago", ASK_PAYEE),
    R.REQUEST_PAID: Words("the request is paid", NOTHING_TO_DO),
    R.REQUEST_BUSY: Words("another attempt to pay the request is live", "wait until it has ended"),
    R.REQUEST_MISMATCH: Words("the payment is not what the request asks for", ASK_PAYEE),
    R.LAST_LEVEL_REFUSED: Words("the payee does not take this level", ANOTHER_ROUTE),
    R.POLICY_REFUSED: Words("the payee does not accept this registry", "use one that it names"),
    R.TIME_SHORT: _time("too little time was left for the payee to sign", ": {} short", TRY_AGAIN),
    R.PAYEE_DECLINED: Words("the payee declined", "ask the payee why"),
    R.ABANDONED: Words("the payer gave the payment up", "pay again where that was a mistake"),
    R.EXPIRED_AHEAD: Words("a promise further along expired unredeemed", TRY_AGAIN),
    R.ABORTED_AHEAD: Words("the registry decided that it did not happen", TRY_AGAIN),
    R.REFUSED_AHEAD: Words("a node further along refused", ANOTHER_ROUTE),
    R.CLAIM_UNKNOWN: Words("no promise is known that this would redeem", ASK_OPERATOR),
    R.CLAIM_ENDED: Words("the promise has ended already", "see `pledgeway node audit`"),
    R.CLAIM_LATE: _time("the evidence came after the promise's expiry", ", by {}", NOTHING_TO_DO),
    R.CLAIM_UNSTAMPED: Words("the promise needs a registry's decision", "show the certificate"),
    R.CLAIM_INVALID: Words("the evidence proves nothing", "see `pledgeway verify FILE`"),
    R.LINE_EXISTS: Words("there is a line with this neighbour in this brand", SEE_LINES),
    R.LINE_STATE: Words("the line is not in a state that allows this", SEE_LINES),
    R.PAYMENT_LIVE: Words("the request is being paid right now", SEE_PAYMENTS),
    R.PAYMENT_DONE: Words("a payment of this request has ended already", SEE_PAYMENTS),
    R.NO_ROUTE: Words(
        "no chain of promises reaches the payee",
        "`pledgeway payment show` says why, and `pledgeway pay --dry-run` why not now",
    ),
    R.COST_ABOVE_MAX: _amount(
        "the cheapest chain costs more than allowed", ", by {}", "raise --max-cost"
    ),
    R.REQUEST_UNREADABLE: Words("the request is damaged or not one", ASK_PAYEE),
    R.SELF_PAYMENT: Words("a node does not pay itself", "hand the request to somebody else"),
    R.BALANCE_OPEN: _amount(
        "the line is not settled", ": {} are still owed", "settle first, then close it"
    ),
    R.REGISTRY_SILENT: Words(
        "the registry does not answer", "see whether it runs: `pledgeway registry status`"
    ),
    R.REPEATED_OTHERWISE: Words("the same id was used for something else", ASK_OPERATOR),
    R.STOPPING: Words("the node is stopping", "try again when it runs"),
    R.EXCHANGE_UNKNOWN: Words(
        "this node has no part in such an exchange", "`pledgeway escrow list`"
    ),
    R.EXCHANGE_STATE: Words("the exchange has gone on, or has ended", "`pledgeway escrow show ID`"),
    R.ACCOUNT_UNKNOWN: Words(
        "a leg needs an account that this node does not have", "`pledgeway account open CARD BRAND`"
    ),
    R.SALE_UNKNOWN: Words("this node has no part in such a sale", "`pledgeway sale list`"),
    R.SALE_STATE: Words("the sale has gone on, or has ended", SEE_SALE),
    R.SALE_NOT_YOURS: Words("another part may do that, or it is the other side's turn", SEE_SALE),
    R.PERSON_UNKNOWN: Words("no open account here has that name", SEE_PEOPLE),
    R.NAME_TAKEN: Words("the name stands for another account", ASK_INVITATION),
    R.INVITATION_ENDED: Words("the invitation was used or has ended", ASK_INVITATION),
    R.CODE_USED: Words("that code does not open this account", "try the next code"),
    R.BALANCE_SHORT: _amount(
        "the account has not enough", ": {} short", "pay something in, or have the limit raised"
    ),
    R.CONFIRMATION_UNKNOWN: Words("there is no such request for you", ASK_PAYEE),
    R.CONFIRMATION_ENDED: Words("the request was answered or has ended", NOTHING_TO_DO),
    R.APPROVAL_MISMATCH: Words(
        "what was approved is not what was asked", "open the request again, and look once more"
    ),
    R.MANDATE_ENDED: Words("no standing approval covers it", "approve the request itself"),
    R.MANDATE_EXCEEDED: _amount(
        "a cap of the standing approval is too low", ", by {}", "approve the request itself"
    ),
    R.LIMIT_REACHED: Words("there are too many of these", "end some that are not needed"),
    R.ANOTHER_PAYER: Words("the request is for payers of another node", ASK_PAYEE),
    R.BRAND_OTHERWISE: Words(
        "it gives a unit another name than it has here", "do not pay it: ask the payee why"
    ),
    R.CREDENTIAL_RESTS: _time(
        "this passkey came by a recovery code and cannot approve yet",
        ": {} left",
        "use another passkey, or wait",
    ),
    R.SALE_INVALID: Words("that does not fit the sale", SEE_SALE),
}


def said(code: str, figure: int = 0, brand: str | None = None) -> Said | None:
    """A reason's name in words, its figure with its unit; None for a name that is no Reason."""
    reason = Reason.__members__.get(code)
    if reason is None:
        return None
    words = WORDS[reason]
    message = words.says
    if figure and words.detail:
        message += words.detail.format(shown(words.figure, figure, brand))
    return Said(message, words.next_step)


def shown(kind: Figure, figure: int, brand: str | None) -> str:
    """A figure with its unit."""
    match kind:
        case Figure.AMOUNT:
            return f"{figure} {brand or 'units'}"
        case Figure.TIME:
            return f"{figure // US}.{figure % US // 1000:03d} s"
        case Figure.MODE:
            return {mode.value: mode.name for mode in Mode}.get(figure, str(figure))
        case Figure.COUNT | Figure.NOTHING:
            return str(figure)
