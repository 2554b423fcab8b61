"""How a request that waits for its payer is shown: who asks, what it costs, what it risks."""

from typing import Final

from node.command.display import Json, amount, facts, moment, say, span, who
from node.command.payment_view import because as payment_because
from node.command.payment_view import progress as payment_progress
from node.command.payment_view import show_hops
from node.command.route_reasons import show_reasons
from node.texts import said
from proto.limits import US

LATER: Final = frozenset({"APPROVED", "EXECUTING", "ABORTED", "COMMITTED"})


def show_asked(one: Json) -> None:
    """A request and how it stands."""
    brand, requester = one.get("brand"), one.get("requester")
    paid = one.get("phase") in LATER
    facts(
        (
            ("request", one.get("id")),
            ("to", who(one, "payee_alias", "payee")),
            ("payee", one.get("payee")),
            ("at", _domain(one)),
            ("brought by", _requester(requester) if isinstance(requester, dict) else None),
            ("asks for", _wanted(one)),
            ("for", one.get("description") or None),
            ("order", one.get("order_hash")),
            ("refunds to", one.get("refund_to")),
            ("again for", one.get("retry_of")),
            ("goods", one.get("goods") and "change hands in the same decision"),
            ("would allow", _grants(one)),
            ("state", one.get("phase")),
            ("because", _because(one)),
            ("amount", amount(one.get("amount"), brand) if paid else None),
            ("at most", amount(one.get("debit_max"), brand) if paid else None),
            ("paid", amount(one.get("debited"), brand) if paid else None),
            ("expires", moment(one.get("expires_at_us"))),
            ("ended", moment(one["ended_at_us"]) if one.get("ended_at_us") else None),
        )
    )


def _domain(one: Json) -> str | None:
    if not one.get("domain"):
        return None
    proven = "which confirms it" if one.get("domain_proven") else "NOT CONFIRMED by that site"
    return f"{one['domain']}, {proven}"


def _requester(requester: Json) -> str:
    if requester.get("name"):
        return f"{requester['name']} ({requester.get('key')})"
    return f"a stranger ({requester.get('key')})"


def _wanted(one: Json) -> str:
    brand, most, least = one.get("brand"), one.get("asked"), one.get("least")
    fees = ", fees included" if one.get("fees_by_payee") else ""
    if least == most:
        return amount(most, brand) + fees
    return f"{least} to {amount(most, brand)}{fees}"


def _grants(one: Json) -> str | None:
    terms = one.get("grants")
    if not isinstance(terms, dict):
        return None
    brand, days = one.get("brand"), span(int(terms.get("period_us", 0)) // US)
    return (
        f"further payments without asking you: {amount(terms.get('per_payment'), brand)} each,"
        f" {terms.get('per_period')} in {days}, {terms.get('total')} in all, until"
        f" {moment(terms.get('until_us'))}"
    )


def _because(one: Json) -> str | None:
    payment = one.get("payment")
    if isinstance(payment, dict) and (words := payment_because(payment)):
        return words
    code = one.get("because")
    if not code:
        return None
    found = said(str(code), 0, one.get("brand"))
    return found.message if found else str(code)


def show_plan(plan: Json, brand: object) -> None:
    """What a payment would cost now, what it risks, and what to be careful about."""
    for caution in plan.get("cautions") or ():
        say(f"CAREFUL: {caution.get('text')}")
    if not plan.get("payable"):
        say(f"Cannot be paid now: {why_not(plan, brand)}.")
        show_reasons(plan, brand, "Nearest chains, and what bars them:")
        return
    chain = plan.get("registry") or "nobody: every promise is bare"
    facts(
        (
            ("payee gets", amount(plan.get("amount"), brand)),
            ("fees now", amount(plan.get("fee"), brand)),
            ("fees at most", amount(plan.get("fee_max"), brand)),
            ("you pay at most", amount(plan.get("total"), brand)),
            ("decided by", None if plan.get("in_house") else chain),
            ("your promise", ", ".join(plan.get("levels") or ()) or None),
            ("final within", span(plan["final_within_s"]) if plan.get("levels") else "at once"),
            ("risk", plan.get("risk")),
        )
    )
    show_hops({**plan, "brand": brand})


def why_not(plan: Json, brand: object) -> str:
    """Why it cannot be paid, in words."""
    reason = plan.get("because")
    if not isinstance(reason, dict):
        return "nobody knows why"
    code, figure = str(reason.get("reason")), reason.get("figure")
    if code == "REQUEST_MISMATCH":
        return "the request leaves the amount to you, or takes another one: say --amount N"
    found = said(code, figure if isinstance(figure, int) else 0, str(brand))
    if found is None:
        return code
    return found.message if plan.get("reasons") else str(found)


def progress(one: Json) -> str:
    """One line of news about what was approved."""
    payment = one.get("payment")
    if isinstance(payment, dict):
        return payment_progress(payment)
    return str(one.get("phase"))
