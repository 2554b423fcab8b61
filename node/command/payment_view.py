"""How a payment and a route are shown to people."""

from collections.abc import Sequence
from typing import Final

from node.command.display import Json, amount, facts, gap, moment, say, short, table, who
from node.command.request_view import amount_of
from node.command.route_reasons import show_reasons
from node.texts import said

FINAL: Final = frozenset({"COMMITTED", "ABORTED"})


def because(one: Json) -> str | None:
    """Why a payment failed or its last attempt did, in words; None where nothing did."""
    reason = one.get("because")
    if not isinstance(reason, dict):
        return None
    figure = reason.get("figure")
    code = str(reason.get("reason"))
    if code == "NO_ROUTE" and (troubles := _troubles(one)):
        return "; ".join(troubles)
    words = said(code, figure if isinstance(figure, int) else 0, one.get("brand"))
    if words and code == "NO_ROUTE" and one.get("reasons"):
        return words.message  # what to do stands with each of them
    return str(reason.get("text") or (str(words) if words else code))


def _troubles(one: Json) -> list[str]:
    """What went wrong with the path finders that a light node asked."""
    reasons = one.get("reasons") or ()
    told = [r for r in reasons if isinstance(r, dict) and _is_trouble(r)]
    return [str(reason.get("text")) for reason in told]


def _is_trouble(reason: object) -> bool:
    return isinstance(reason, dict) and str(reason.get("rule")).startswith("PATHFINDER_")


def waits_for(one: Json) -> str | None:
    """What a payment waits for; None where for nothing."""
    wait = one.get("waits_for")
    if not isinstance(wait, dict):
        return None
    until = wait.get("until_us")
    at_most = f", until {moment(until)} at most" if until else ""
    return f"{wait.get('what')}{at_most}"


def progress(one: Json) -> str:
    """One line of news about a payment under way."""
    parts = [f"{one.get('phase')}, attempt {one.get('attempt')}"]
    if one.get("cost"):
        parts.append(f"costs {amount(one['cost'], one.get('brand'))}")
    if (wait := waits_for(one)) is not None:
        parts.append(f"waits for {wait}")
    if (reason := because(one)) is not None:
        parts.append(f"because {reason}")
    return "; ".join(parts)


def show_payment(one: Json) -> None:
    """One payment with everything about it."""
    brand = one.get("brand")
    facts(
        (
            ("payment", one.get("id")),
            ("to", who(one, "payee_alias", "payee")),
            ("payee", one.get("payee")),
            ("state", one.get("phase")),
            ("because", because(one)),
            ("amount", amount_of(one)),
            ("cost", amount(one["cost"], brand) if one.get("cost") else None),
            ("fee", amount(one.get("fee"), brand) if one.get("cost") else None),
            ("registry", one.get("registry")),
            ("attempt", one.get("attempt")),
            ("waits for", waits_for(one)),
            ("evidence", one.get("evidence")),
            ("transaction", one.get("uuid")),
            ("began", moment(one.get("created_at_us"))),
            ("ended", None if not one.get("ended_at_us") else moment(one["ended_at_us"])),
        )
    )
    show_hops(one)
    _show_despite(one)
    _show_tried(one)
    _show_reasons(one)


def show_hops(one: Json) -> None:
    """The promises of each chain, payer first; nothing where none is known."""
    parts = one.get("parts") or ()
    if len(parts) < 2:
        _show_chain(one, one.get("brand"))
        return
    for number, part in enumerate(parts, 1):
        gap()
        share, cost = (amount(part.get(name), one.get("brand")) for name in ("amount", "cost"))
        say(f"part {number} of {len(parts)}: {share} at a cost of {cost}")
        _show_chain(part, one.get("brand"))


def _show_chain(chain: Json, brand: object) -> None:
    hops = chain.get("hops") or ()
    modes = chain.get("modes") or {}
    if not hops:
        return
    gap()
    table(
        ("from", "to", "level", ">amount", "mode of the promisor"),
        (
            (
                _name(hop.get("from")),
                _name(hop.get("to")),
                hop.get("level"),
                amount(hop.get("amount"), brand),
                modes.get(hop.get("from"), "payer" if number == 0 else "-"),
            )
            for number, hop in enumerate(hops)
        ),
        empty="",
    )


def show_plan(one: Json) -> None:
    """The answer to a dry run."""
    silent = bool(_troubles(one))
    if not one.get("found") and silent:
        say(f"No route to {_payee(one)} was found, but not everybody who was asked answered.")
    elif not one.get("found"):
        say(f"No chain of promises lets {_payee(one)} receive {amount_of(one)}.")
    else:
        registry = one.get("registry") or "none, every promise is bare"
        kept = one.get("kept")
        facts(
            (
                ("payee", _payee(one)),
                ("amount", amount_of(one)),
                ("cost", amount(one.get("cost"), one.get("brand"))),
                ("fee", amount(one.get("fee"), one.get("brand"))),
                ("stays with you", amount(one["kept"], one.get("brand")) if kept else None),
                ("registry", registry),
                ("decided", _within(one.get("deadline_s")) if one.get("registry") else None),
                ("credit is held", _within(one.get("held_at_most_s"))),
            )
        )
        show_hops(one)
        _show_despite(one)
    if not one.get("exact", True) and not silent:
        say("The search gave up early: there may be a better chain.")
    _show_reasons(one)


def _show_reasons(one: Json) -> None:
    for trouble in _troubles(one):
        say(f"Not answered: {trouble}")
    if _troubles(one):
        say("→ see `pledgeway node status`; `pledgeway node pathfinder use CARD` names another one")
    others = [r for r in one.get("reasons") or () if not _is_trouble(r)]
    if others and (one.get("phase") or one.get("hops")):
        gap()  # between it and what was said before
    show_reasons({**one, "reasons": others}, one.get("brand"), "Nearest rejected chains:")


def _show_despite(one: Json) -> None:
    lines = [f"{_name(a)}→{_name(b)}" for a, b in one.get("despite") or ()]
    if lines:
        gap()
        say(f"Nothing else was left, so it goes over what refused lately: {', '.join(lines)}.")


def _show_tried(one: Json) -> None:
    """Which attempts were refused, by which line as far as one can know, and what that taught."""
    tried = one.get("tried") or ()
    if not tried:
        return
    brand = one.get("brand")
    gap()
    table(
        ("attempt", ">asked", "refused because", "line", ">asked since for at most"),
        (
            (
                failed.get("attempt"),
                amount(failed.get("cost"), brand),
                _refused(failed, brand),
                _suspect(blame, failed),
                amount(blame.get("carries"), brand) if blame else "-",
            )
            for failed in tried
            for blame in _blamed(failed)
        ),
        empty="",
    )


def _blamed(failed: Json) -> Sequence[Json]:
    return failed.get("blamed") or ({},)


def _refused(failed: Json, brand: object) -> str:
    code, figure = str(failed.get("reason")), failed.get("figure")
    words = said(code, figure if isinstance(figure, int) else 0, str(brand or ""))
    return words.message if words else code


def _suspect(blame: Json, failed: Json) -> str:
    if not blame:
        return "none is to blame"
    promisor, promisee = blame.get("line") or ("?", "?")
    doubt = "" if failed.get("certain") else " (suspect)"
    return f"{_name(promisor)}→{_name(promisee)}{doubt}"


def _within(seconds: object) -> str | None:
    return f"{seconds:g} s at most" if isinstance(seconds, int | float) else None


def _payee(one: Json) -> str:
    return _name(one.get("payee_alias") or one.get("payee") or "the payee")


def _name(name: object) -> str:
    """An alias as it is; a bare id, 64 hex digits, by its beginning."""
    text = str(name)
    return short(text) if len(text) == 64 else text
