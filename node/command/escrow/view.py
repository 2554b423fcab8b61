"""How an exchange is shown: what moves, who sits where, what it means for us, whose move it is."""

import json
import time
from collections.abc import Sequence
from typing import Any, Final

from node.command.display import Json, facts, gap, moment, say, short, span, table, yes_no
from node.command.escrow.reasons import why
from proto.limits import US

KNOWN: Final = {
    "you": "you",
    "neighbour": "a neighbour of yours",
    "card": "you were given its card",
    "": "only what it calls itself",
}
ENDED: Final = frozenset({"COMMITTED", "NOT_COMMITTED", "FAILED"})


def thing(leg: Json) -> str:
    """What moves: "40 USD", "Ahern 7 (parcel, region Ahern)", "3 of Pass"."""
    name = str(leg.get("name") or "") or f"brand {short(leg.get('brand'))}"
    amount = leg.get("amount")
    if leg.get("carrier") == "money":
        return f"{amount} {name}"
    attributes = _attributes(leg)
    facts_of = ", ".join([str(leg.get("type")), *(f"{k} {v}" for k, v in attributes.items())])
    return f"{amount} x {name} ({facts_of})" if amount != 1 else f"{name} ({facts_of})"


def _attributes(leg: Json) -> dict[str, Any]:
    try:
        found = json.loads(str(leg.get("attributes") or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def who_sits(seat: Json) -> str:
    """Its alias, "you" for ourselves."""
    return "you" if seat.get("ours") else str(seat.get("alias"))


def because(one: Json) -> str | None:
    """Why it did not come about; None where it did, or may still."""
    rows = [one.get("deal") or {}, *(one.get("seats_of_ours") or ())]
    if one.get("state") not in ("FAILED", "NOT_COMMITTED", "DECIDING", "RETURNING"):
        return None
    for row in rows:
        if row.get("because"):
            return why(row["because"], row.get("blamed") or row.get("seat"))
    return None


def next_move(one: Json, now_us: int | None = None) -> str | None:
    """Whose move it is and until when, in one line; None where nothing is left to do."""
    move = one.get("next")
    if not isinstance(move, dict):
        return None
    until = move.get("until_us")
    return f"{move.get('who')}: {move.get('what')}{_until(until, now_us)}"


def _until(until_us: object, now_us: int | None) -> str:
    if not isinstance(until_us, int) or not until_us:
        return ""
    left_us = until_us - (time.time_ns() // 1000 if now_us is None else now_us)
    when = f"in {span(left_us / US)}" if left_us > 0 else f"{span(-left_us / US)} ago"
    return f", until {moment(until_us)} ({when})"


def show_exchange(one: Json) -> None:
    """One exchange with everything about it."""
    initiator = one.get("initiator") or {}
    facts(
        (
            ("exchange", one.get("id")),
            ("what", _what(one)),
            ("note", one.get("note") or None),
            ("state", one.get("state")),
            ("because", because(one)),
            ("proposed by", f"{who_sits(initiator)}, {moment(one.get('created_at_us'))}"),
            ("registry", " or ".join(one.get("registries") or ())),
            ("registrars", _people(one.get("registrars") or ()) or None),
            ("coordinated by", _people(one.get("coordinators") or ())),
            ("decided", f"within {span(_seconds(one))} after everybody has joined"),
            ("transaction", one.get("uuid")),
            ("final by", moment(one["final_by_us"]) if one.get("final_by_us") else None),
            ("evidence", one.get("evidence")),
        )
    )
    gap()
    show_legs(one)
    gap()
    show_seats(one)
    _show_ours(one)
    show_checks(one)
    _show_next(one)


def _what(one: Json) -> str:
    name = str(one.get("transaction"))
    if one.get("ships"):
        return name
    return f"{name}: NO template that ships, sha256 {short(one.get('template'))}; read the legs"


def _seconds(one: Json) -> int:
    within = one.get("within_us")
    return within // US if isinstance(within, int) else 0


def _people(people: Sequence[Json]) -> str:
    return ", ".join(f"{who_sits(p)} ({short(p.get('node'))})" for p in people)


def show_legs(one: Json) -> None:
    """What moves from whom to whom, and how far it is."""
    keepers = {p.get("node"): who_sits(p) for p in one.get("registrars") or ()}
    table(
        (">leg", "what", "from", "to", "by way of", ">fee at most", "state"),
        (
            (
                leg.get("no"),
                thing(leg),
                leg.get("from"),
                leg.get("to"),
                keepers.get(leg.get("registrar")) or "lines of credit",
                leg.get("fee_max") or "-",
                leg.get("state") or "-",
            )
            for leg in one.get("legs", ())
        ),
        empty="",
    )
    for leg in one.get("legs", ()):
        if leg.get("payment"):
            say(f"Leg {leg['no']} is payment {short(leg['payment'])}: `pledgeway payment show`.")


def show_seats(one: Json) -> None:
    """Who sits where, how he is known, and what each gives, gets, wants and signs."""
    plan = {seat.get("seat"): seat for seat in one.get("plan") or ()}
    joined = (one.get("deal") or {}).get("joined") or ()
    at = {seat.get("seat"): number for number, seat in enumerate(one.get("seats", ()))}

    def row(seat: Json) -> tuple[object, ...]:
        planned = plan.get(seat.get("seat")) or {}
        others = [no for no in planned.get("wants", ()) if no not in planned.get("receives", ())]
        place = at[seat.get("seat")]
        return (
            seat.get("seat"),
            who_sits(seat),
            short(seat.get("node")),
            KNOWN.get(str(seat.get("known")), "-"),
            _numbers(planned.get("gives")),
            _numbers(planned.get("receives")),
            _numbers(others),
            yes_no(planned.get("signs")) if planned else "-",
            yes_no(joined[place]) if place < len(joined) else "-",
        )

    names = ("seat", "who", "node", "known how", "gives", "gets", "wants too", "signs", "joined")
    table(names, map(row, one.get("seats", ())), empty="")


def _numbers(numbers: object) -> str:
    if not isinstance(numbers, list | tuple) or not numbers:
        return "-"
    return "leg " + ", ".join(map(str, numbers))


def _show_ours(one: Json) -> None:
    phases = {seat.get("seat"): seat for seat in one.get("seats_of_ours") or ()}
    for seat in one.get("plan") or ():
        if not seat.get("ours"):
            continue
        gap()
        name = seat.get("seat")
        phase = phases.get(name, {}).get("phase")
        said = f" ({phase})" if phase else ""
        over = one.get("state") in ENDED
        say(f"You sit as {name}{said}.{'' if over else ' ' + str(seat.get('risk'))}")
        fees = ", ".join(f"{f.get('amount')} of leg {f.get('leg')}" for f in seat["fees_at_most"])
        if fees:
            say(f"Registrars keep at most {fees} of what you get.")
        cost = phases.get(name, {}).get("max_cost")
        if cost and cost < 1 << 62:
            say(f"You allow at most {cost} for a payment of yours, fees included.")
    if one.get("plan") is None and one.get("seats_of_ours"):
        gap()
        say("This node does not find it safe, or not what its template says: decline it.")


def show_checks(one: Json) -> None:
    """Whether legs of ours could move now, where that was asked for."""
    if not one.get("checks"):
        return
    words = {True: "yes", False: "NO", None: "?"}
    gap()
    table(
        (">leg", "ours", "could move now", "because"),
        (
            (
                check.get("leg"),
                "given" if check.get("gives") else "received",
                words.get(check.get("ok"), "?"),
                check.get("says"),
            )
            for check in one["checks"]
        ),
        empty="",
    )


def _show_next(one: Json) -> None:
    if "next" not in one:
        return  # it is not proposed
    move = one["next"]
    gap()
    if not isinstance(move, dict):
        say("Nothing is left to do.")
        return
    say(f"Next   {next_move(one)}")
    say(f"since  {moment(move.get('since_us'))}")
    say(f"else   {move.get('otherwise')}")
    say(f"ends by  {move.get('evidence')}")
    if move.get("who") == "you":
        name = short(one.get("id"))
        say(f"Say `pledgeway escrow accept {name}`, or `pledgeway escrow cancel {name}`.")


def progress(one: Json) -> str:
    """One line of news about an exchange under way."""
    parts = [str(one.get("state"))]
    if (move := next_move(one)) is not None:
        parts.append(move)
    if (reason := because(one)) is not None:
        parts.append(f"because {reason}")
    return "; ".join(parts)


def show_list(exchanges: Sequence[Json], empty: str) -> None:
    """One line for each."""
    table(
        ("id", "what", "with", "ours", "state", "next", "began"),
        (
            (
                short(one.get("id")),
                one.get("transaction"),
                ", ".join(who_sits(s) for s in one.get("seats", ()) if not s.get("ours")) or "-",
                ", ".join(str(s.get("seat")) for s in one.get("seats", ()) if s.get("ours")) or "-",
                one.get("state"),
                next_move(one) or because(one) or "-",
                moment(one.get("created_at_us")),
            )
            for one in exchanges
        ),
        empty=empty,
    )
