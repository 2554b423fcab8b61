"""Why a sale did not come about, in words, and what to do next (proto/sale/reasons.py)."""

from typing import Final

from proto.sale.reasons import SaleReason

R = SaleReason

# What happened, said of "somebody" (a part, or nobody in particular), and a next step.
WORDS: Final = {
    R.NONE: ("no reason is known", ""),
    R.REFUSED: ("{} does not want it", "ask why, or make another offer"),
    R.NO_AGENT: (
        "the sides did not agree on an agent in time",
        "talk to each other, and make another offer that names more agents or a higher tip",
    ),
    R.AGENT_REFUSED: ("the agent does not take the case", "make another offer, and name others"),
    R.ARBITER_REFUSED: ("the arbiter does not take the case", "name another one"),
    R.EXPIRED: ("{} did not answer in time", "make another offer, with a longer --agree-within"),
    R.HOUSE_REFUSED: (
        "the house does not open the pool",
        "ask its operator why; `pledgeway rights learn CARD` shows what it keeps, and how long",
    ),
    R.TERMS_MISMATCH: (
        "{} sent a document that does not say what was agreed",
        "let all use the same version of this program, or deal with somebody else",
    ),
    R.NO_ACCOUNT: (
        "{} has no account of the deposit",
        "its owner can say `pledgeway account open CARD RIGHT`",
    ),
    R.NO_POLICY: (
        "{} does not accept the registry",
        "name one with --registry that all accept: `pledgeway node registry list`",
    ),
    R.FUNDS_SHORT: (
        "{} has less at the house than its stake",
        "see `pledgeway account list` there, and make another offer",
    ),
    R.NOT_LOCKED: (
        "the lock was not decided in time, and all stakes went back",
        "make another offer, with a longer --lock-within",
    ),
    R.CREDENTIAL_BAD: (
        "the agent could not use what the seller handed over",
        "the seller hands over another credential",
    ),
    R.HANDOVER_BAD: (
        "what the agent sealed does not open to the buyer, or his log is broken",
        "make another offer with another agent, and keep this one's statement as evidence",
    ),
}


def why(code: object, blamed: object = "") -> str:
    """A reason's name in words, with the part that is blamed, and what to do next."""
    reason = SaleReason.__members__.get(str(code))
    if reason is None:
        return str(code)
    says, step = WORDS[reason]
    text = says.format(f"the {str(blamed).lower()}" if blamed else "somebody")
    return f"{text}: {step}" if step else text
