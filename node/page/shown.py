"""What pages say of a request, in words that need no manual. Pure.

Amounts in smallest units, times in µs. Texts that strangers wrote are returned as they are: it is
the templates that show every character of them.
"""

import json
from dataclasses import dataclass
from typing import Final

from node.choosing_amount import is_open
from node.core.people.rows import Confirmation, ConfirmationPhase
from node.people.preparing import Care, Prepared
from node.texts import said
from proto.levels import Level
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest
from proto.request_parts import MandateTerms
from runtime.looks.words import number, second, span

FINGERPRINT_DIGITS: Final = 16  # what two people compare by voice; the whole is in the details
NOTHING_HELD: Final = "Nothing was promised, and nothing is held."

LEVELS: Final = {
    Level.BARE: "without a registry",
    Level.SECURED: "secured by a registry",
    Level.ATOMIC: "decided by a registry alone",
    Level.PROXY: "with a registry's word in time",
}

PHASES: Final = {
    ConfirmationPhase.RECEIVED: "waits for you",
    ConfirmationPhase.PRESENTED: "waits for you",
    ConfirmationPhase.APPROVED: "approved, looking for a way",
    ConfirmationPhase.EXECUTING: "promised, not decided",
    ConfirmationPhase.ABORTED: "approved, between two tries",
    ConfirmationPhase.COMMITTED: "paid",
    ConfirmationPhase.DENIED: "denied",
    ConfirmationPhase.EXPIRED: "ended without a payment",
}

# What somebody before a page can do about it; what commands would say is of no use here.
_STEPS: Final = {
    Reason.NO_ROUTE: "Lines of credit come and go: look again in some minutes.",
    Reason.REGISTRY_SILENT: "Look again in some minutes.",
    Reason.COST_ABOVE_MAX: "Look again later: it may become cheaper.",
    Reason.BALANCE_SHORT: "Pay something in, or ask the operator of this node for a higher limit.",
    Reason.REQUEST_EXPIRED: "Ask the payee for a new request, if you still want it.",
    Reason.EXCHANGE_UNKNOWN: "Look again in a minute; if it stays so, ask the payee.",
    Reason.EXCHANGE_STATE: "Ask the payee for a new offer, if you still want it.",
    Reason.EXCHANGE_REFUSED: "Ask the payee for a request that fits its offer.",
    Reason.POLICY_REFUSED: "Ask the operator of this node, or the payee.",
    Reason.ACCOUNT_UNKNOWN: "Ask whoever keeps them whether you may own them.",
    Reason.CONFIRMATION_ENDED: "Look at it again to see how it ended.",
    Reason.APPROVAL_MISMATCH: "Open the request again, and look once more.",
    Reason.PAYEE_DECLINED: "Ask the payee why.",
    Reason.BRAND_OTHERWISE: "Do not trust it. What it names is not what would leave your account.",
    Reason.SELF_PAYMENT: "Give the request to whoever is to pay it.",
    Reason.CREDENTIAL_RESTS: "Use another passkey, or come back then: Account says when.",
}
_SAYS: Final = {
    Reason.NO_ROUTE: "No way to this payee was found just now",
    Reason.EXCHANGE_UNKNOWN: "The goods' invitation has not arrived here, and nothing is paid"
    " without them",
    Reason.EXCHANGE_STATE: "The offer of the goods has been taken up already, or withdrawn",
    Reason.EXCHANGE_REFUSED: "What is asked for is not what the offer of the goods says",
    Reason.POLICY_REFUSED: "This node trusts no registry that may decide about these goods",
    Reason.ACCOUNT_UNKNOWN: "Whoever keeps these goods opens no account for them by itself",
    Reason.SELF_PAYMENT: "This is your own request",
}


@dataclass(frozen=True, slots=True)
class Why:
    """A no in words, and what to do."""

    text: str
    step: str


def why(refusal: Refusal, brand: str = "") -> Why:
    """A refusal of the core for somebody before a page."""
    words = said(refusal.reason.name, refusal.figure, brand or None)
    text = _SAYS.get(refusal.reason) or (words.message if words else refusal.reason.name)
    return Why(text[:1].upper() + text[1:] + ".", _STEPS.get(refusal.reason, ""))


def step_of(reason: Reason, otherwise: str) -> str:
    """What a person can do about it, as half a sentence; `otherwise`, where that is not known."""
    step = _STEPS.get(reason, "")
    return step[:1].lower() + step[1:].removesuffix(".") if step else otherwise


def why_ended(confirmation: Confirmation) -> str:
    """Why it ended without a payment; "" where nothing is known."""
    reason = Reason.__members__.get(confirmation.because)
    return "" if reason is None else why(Refusal(reason)).text


def fingerprint(key: bytes) -> str:
    """The first digits of a key in groups, as people compare them."""
    digits = key.hex()[:FINGERPRINT_DIGITS]
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def asked_amount(request: PaymentRequest) -> str:
    """What is asked for, before anything was chosen."""
    name = request.brand.name
    if request.fees_by_payee:
        return f"{number(request.amount)} {name} in all, fees included"
    if is_open(request):
        return f"any amount of {name}"
    if request.amount_min:
        return f"{number(request.least)} to {number(request.amount)} {name}"
    return f"{number(request.amount)} {name}"


def is_choice(request: PaymentRequest) -> bool:
    """Whether its payer has to name an amount. Where the payee bears the fees, the way decides."""
    return bool(request.amount_min) and not request.fees_by_payee


def level_words(prepared: Prepared) -> str:
    """The level of the payer's own promises."""
    if prepared.in_house:
        return "booked within this node"
    levels = sorted(prepared.levels, key=lambda level: level.safety_rank)
    return ", ".join(f"{level.name} ({LEVELS[level]})" for level in levels)


def final_words(prepared: Prepared) -> str:
    """When it is over, one way or the other."""
    if prepared.in_house:
        return "at once"
    within = span(prepared.final_within_s * 1_000_000)
    if prepared.goods is not None:
        return f"within {within}, most of it for the others to take their part"
    return f"within {within} of each try"


def attributes(text: str) -> list[tuple[str, str]]:
    """What a registrar says of a right, as pairs; of what is no JSON object, one."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return [("says", text)]
    return [(str(name), str(value)) for name, value in said.items()]


def mandate_words(terms: MandateTerms, brand: str) -> list[str]:
    """A standing approval, cap by cap."""
    return [
        f"at most {number(terms.per_payment)} {brand} each time, fees included",
        f"at most {number(terms.per_period)} {brand} in {span(terms.period_us)}",
        f"at most {number(terms.total)} {brand} in all",
        f"until {second(terms.until_us)}",
    ]


def is_proven(request: PaymentRequest, prepared: Prepared) -> bool:
    """Whether our own look-up found that the domain is the payee's."""
    cares = {caution.care for caution in prepared.cautions}
    return bool(request.domain) and Care.DOMAIN_UNPROVEN not in cares


RESTS_ON: Final = {
    "certified": "A registry has decided that it was paid, and its signed certificate is in the"
    " receipt. Anybody can check it without asking this node.",
    "bare commit": "No registry was asked. The payee's own signature says that it was paid, and"
    " anybody can check it without asking this node.",
    "in house": "Both accounts are at this node, and no other one took part: the receipt is signed"
    " by this node, and its books are what it rests on.",
}
