"""What a wallet shows: requests, balances, entries, standing approvals."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from node.command.display import amount, facts, gap, minute, moment, say, short, span, table, yes_no
from node.command.people.look import kind_words
from node.command.wallet.checking import Offer
from proto.levels import Level
from proto.request import PaymentRequest

Json = Mapping[str, Any]
US = 1_000_000


def show_pending(answer: Json) -> None:
    """What waits, and what is being paid; first what somebody may have got in by."""
    for way in answer.get("resting", ()):
        say(
            f"A passkey came by a recovery code: “{way.get('label')}”, made"
            f" {moment(way.get('created_at_us'))}. It approves from"
            f" {moment(way.get('rests_until_us'))} on: if that was not you, end it on the page."
        )
    table(
        ("id", ">amount", "to", "state", "until (UTC)", "for"),
        (_pending_row(one) for name in ("pending", "running") for one in answer.get(name, ())),
        empty="Nothing waits for you.",
    )


def _pending_row(one: Json) -> tuple[object, ...]:
    return (
        short(one.get("id")),
        asked_amount(one),
        one.get("payee_alias"),
        one.get("phase"),
        minute(one.get("expires_at_us")),
        one.get("description"),
    )


def asked_amount(one: Json) -> str:
    """An amount, or the range that its payer chooses from."""
    least, most, brand = one.get("amount_min"), one.get("amount"), one.get("brand")
    return f"{least} to {amount(most, brand)}" if least else amount(most, brand)


def show_confirmation(one: Json) -> None:
    """How a request stands that was brought to the account."""
    brand, key = one.get("brand"), str(one.get("payee", ""))
    facts(
        (
            ("request", one.get("id")),
            ("state", one.get("phase")),
            ("because", one.get("because") or None),
            ("payee calls itself", one.get("payee_alias")),
            ("its key", key),
            ("asked for by", one.get("requester") or None),
            ("amount", asked_amount(one)),
            ("for", one.get("description") or None),
            ("debited", amount(one.get("debited"), brand) if one.get("debited") else None),
            ("held", amount(one.get("reserved"), brand) if one.get("reserved") else None),
            ("expires", moment(one.get("expires_at_us"))),
        )
    )
    if one.get("payable") is None:
        return
    gap()
    facts(
        (
            ("can be paid", yes_no(one.get("payable"))),
            ("why not", one.get("why") or None),
            ("next", one.get("next_step") or None),
            ("debited at most", amount(one.get("total") or None, brand)),
            ("of it fees now", amount(one.get("fee"), brand)),
            ("you have", amount(one.get("available"), brand)),
            ("what it risks", one.get("risk") or None),
        )
    )
    _show_return(one)
    show_cautions(one)


def _show_return(one: Json) -> None:
    """What comes for the money, in the words of those who keep it; the node passes them on."""
    goods = one.get("in_return") or {}
    for each in goods.get("returns", ()):
        whose = "you get" if each.get("ours") else f"{each.get('to')} gets"
        what = f"{each.get('amount')} of {each.get('name')!r} ({each.get('type')})"
        say(f"The node says: {whose} {what}, kept by {each.get('keeper')}.")


def show_cautions(one: Json) -> None:
    """What to look at first."""
    for caution in one.get("cautions", ()):
        say(f"Careful: {caution.get('text')}")


def show_offer(offer: Offer, told: Json) -> None:
    """Exactly what is signed, from the bytes themselves; and what the node says beside it."""
    approval, request = offer.approval, offer.request
    brand = request.brand.name
    levels = ", ".join(sorted(Level(level).name for level in approval.first_levels))
    facts(
        (
            ("to", request.payee_alias),
            ("its key", request.payee.hex()),
            ("asked for by", _requester(request)),
            ("for", request.description or None),
            ("amount", amount(approval.amount, brand)),
            ("fees at most", amount(approval.fee_max, brand)),
            ("DEBITED AT MOST", amount(approval.total_debit_max, brand)),
            ("attempts at most", approval.attempts_max),
            ("first promises", levels),
            ("approved until", moment(approval.valid_until_us)),
            ("standing approval", _mandate(request)),
            ("goods", "change hands in the same decision" if request.exchange else None),
        )
    )
    _show_return(told)
    if told.get("risk"):
        say(f"The node says: {told['risk']}")
    if told.get("final_within_s"):
        say(f"The node says: final within {span(told['final_within_s'])}.")
    show_cautions(told)


def _requester(request: PaymentRequest) -> str | None:
    of = request.requester
    return None if of is None else f"{of.name} ({short(of.key.hex())})"


def _mandate(request: PaymentRequest) -> str | None:
    """What else is granted by approving: it must not be overlooked."""
    terms, brand = request.mandate, request.brand.name
    if terms is None:
        return None
    return (
        f"GRANTED: up to {amount(terms.per_payment, brand)} a payment,"
        f" {amount(terms.per_period, brand)} in {span(terms.period_us // US)},"
        f" {amount(terms.total, brand)} in all, until {moment(terms.until_us)}"
    )


def show_balances(answer: Json) -> None:
    """Every purse."""
    table(
        ("brand", ">balance", ">held", ">limit", ">can pay"),
        (
            (
                one.get("brand"),
                *(amount(one.get(n), one.get("brand")) for n in ("balance", "reserved")),
                *(amount(one.get(n), one.get("brand")) for n in ("limit", "available")),
            )
            for one in answer.get("balances", ())
        ),
        empty="No account in any brand yet: your node's operator grants a limit, or pays in.",
    )


def show_history(answer: Json) -> None:
    """Entries, the newest first."""
    table(
        ("id", "when (UTC)", ">amount", "kind", "with", "for"),
        (
            (
                short(one.get("reference")),
                minute(one.get("at_us")),
                amount(one.get("amount"), one.get("brand")),
                kind_words(one),
                one.get("other") or one.get("name"),
                one.get("text"),
            )
            for one in answer.get("entries", ())
        ),
        empty="Nothing was booked yet.",
    )
    if answer.get("next"):
        say(f"More with --after {answer['next']}")


def show_mandates(answer: Json) -> None:
    """Standing approvals."""
    table(
        ("id", "to", ">a payment", ">in the period", ">in all", ">spent", "until", "live"),
        (
            (
                short(one.get("id")),
                one.get("name"),
                *(amount(one.get(n), one.get("brand")) for n in ("per_payment", "per_period")),
                *(amount(one.get(n), one.get("brand")) for n in ("total", "spent")),
                moment(one.get("until_us")),
                yes_no(one.get("live")),
            )
            for one in answer.get("mandates", ())
        ),
        empty="You have granted no standing approval.",
    )


def asked_bytes(one: Json) -> bytes:
    """The request that the node says was asked; empty where it says none."""
    return _bytes(one.get("asked"))


def approval_bytes(one: Json) -> bytes:
    """What the node offers to sign; empty where it says none."""
    return _bytes(one.get("approval"))


def _bytes(value: object) -> bytes:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        return b""
