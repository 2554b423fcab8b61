"""Why an exchange did not come about, in words, and what to do next (proto/escrow/reasons.py)."""

from typing import Final

from proto.escrow.reasons import EscrowReason

R = EscrowReason

# What happened, said of "somebody" (a seat, or nobody in particular), and a next step.
WORDS: Final = {
    R.NONE: ("no reason is known", ""),
    R.REFUSED_BY_OWNER: ("{} declined", "ask why, or propose it to somebody else"),
    R.EXPIRED: ("{} had not joined in time", "propose it anew, with a longer --join-by"),
    R.WITHDRAWN: ("its initiator took it back", "nothing is to be done"),
    R.PROPOSAL_INVALID: (
        "{} found that the proposal is not what its template says, or not safe",
        "let both use the same version of this program, and propose it anew",
    ),
    R.NO_ACCOUNT: (
        "{} has no account for a right that it gives or receives",
        "its owner can say `pledgeway account open`, or import a grant",
    ),
    R.NO_POLICY: (
        "there is no registry that everybody accepts",
        "name one with --registry that all do: `pledgeway node registry list`",
    ),
    R.NOT_AUTHORISED: (
        "{} may not transfer its right itself, and the coordinator may not either",
        "ask the registrar for terms, or name a --coordinator that has them",
    ),
    R.DESCRIPTOR_INVALID: ("{} was shown terms that cannot be", "propose it anew"),
    R.TERMS_MISMATCH: (
        "{} was shown other terms than were proposed",
        "do not use that coordinator again",
    ),
    R.TOO_LATE: ("{} heard of it too late", "propose it anew, with a longer --within"),
    R.REGISTRAR_REFUSED: (
        "the registrar refused what {} gives or receives",
        "see `pledgeway account list` there: is it still owned, and is the account free?",
    ),
    R.NO_ROUTE: (
        "no chain of promises led from {} to the payee",
        "see `pledgeway payment list` at the payer, or propose with --dry-run",
    ),
    R.PAYMENT_FAILED: (
        "the payment of {} failed",
        "see `pledgeway payment list` at the payer",
    ),
    R.PROMISE_INVALID: (
        "the promise for what {} gives does not hold",
        "tell the registrar's operator",
    ),
    R.CANCELLED: ("its initiator cancelled it", "nothing is to be done"),
    R.SILENT: (
        "{}, or a registrar that it needs, did not answer in time",
        "see whether they run, and propose it anew",
    ),
    R.FUNDS_SHORT: ("{} lacks what it gives", "see `pledgeway account list` and `balance` there"),
}


def why(code: object, blamed: object = "") -> str:
    """A reason's name in words, with the seat that is named, and what to do next."""
    reason = EscrowReason.__members__.get(str(code))
    if reason is None:
        return str(code)
    says, step = WORDS[reason]
    if reason is R.SILENT and not blamed:
        says, step = "the registry did not hear of it in time", "see whether it runs; propose anew"
    text = says.format(f"the seat of {blamed}" if blamed else "somebody")
    return f"{text}: {step}" if step else text
