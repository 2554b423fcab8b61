"""How a sale is shown: figures, what each ends with, whose move it is and until when."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from node.command.display import Json, amount, facts, gap, moment, say, short, span, table
from node.command.sale.next import command_for
from node.command.sale.reasons import why
from proto.limits import US

DECISIONS: Final = {
    "AGREE": "T0 agree",
    "LOCK": "T1 lock",
    "RELEASE": "T2 release",
    "DELIVERED": "Ta delivered",
    "CHALLENGE": "Tc challenge",
    "REFUND": "T3 refund",
    "SLASH": "Ts forfeit the bond",
}
TIMES: Final = {
    "agree": "to agree",
    "lock": "to hand over and lock",
    "release": "to release",
    "window": "to challenge after that",
    "refund": "to refund after that",
    "slash": "to forfeit the bond after that",
    "vote": "to vote, and again to open votes",
}
KNOWN: Final = {
    "you": "you",
    "neighbour": "a neighbour of yours",
    "card": "you were given its card",
    "agent": "you took its offer to judge",
    "": "only what it calls itself",
}
BRANCHES: Final = {
    "RELEASED": "released: the seller has the price",
    "REFUNDED": "refunded: the buyer has the price back, the agent a part of his tip",
    "REFUND_PLAIN": "refunded: the buyer has the price back, the agent gets no tip",
    "SLASHED": "the agent's bond is forfeited",
    "RETURNED": "the agent has his bond back",
}
COLUMNS: Final = ("BUYER", "SELLER", "AGENT", "HOUSE")


def who_is(role: object) -> str:
    """ "buyer", "the registry"."""
    return "the registry" if role == "REGISTRY" else str(role).lower()


def until(until_us: object, now_us: int | None = None) -> str:
    """ "2026-11-21 18:00:00 UTC (in 3 d 4 h)"."""
    if not isinstance(until_us, int) or not until_us:
        return "-"
    left_us = until_us - (time.time_ns() // 1000 if now_us is None else now_us)
    when = f"in {span(left_us / US)}" if left_us > 0 else f"{span(-left_us / US)} ago"
    return f"{moment(until_us)} ({when})"


def because(one: Json) -> str | None:
    """Why it did not come about; None where it did, or may still."""
    return why(one["because"], one.get("blamed") or "") if one.get("because") else None


def next_line(one: Json, now_us: int | None = None) -> str | None:
    """Whose move it is and until when, in one line; None where the sale is over."""
    waited = [move for move in one.get("moves") or () if move.get("needed")]
    if not waited:
        return None
    move = waited[0]
    who = "you" if move.get("mine") else who_is(move.get("role"))
    return f"{who}: {move.get('text')}, until {until(move.get('until_us'), now_us)}"


def show_sale(one: Json) -> None:
    """One sale with everything about it."""
    facts(_facts(one))
    gap()
    show_parties(one)
    gap()
    show_rules(one)
    show_figures(one)
    show_decisions(one)
    show_moves(one)


def show_done(one: Json) -> None:
    """After an act: how the sale stands, and whose move it is now. `sale show` has the rest."""
    facts(_facts(one))
    gap()
    show_moves(one)


def _facts(one: Json) -> Iterator[tuple[str, object]]:
    handed = one.get("handover") or {}
    yield "sale", one.get("id")
    yield "thing", one.get("thing")
    yield "price", amount(one.get("price"), one.get("brand"))
    yield "you are", f"the {who_is(one.get('role'))}"
    yield "phase", one.get("phase")
    yield "because", because(one)
    yield "ended", BRANCHES.get(str(one.get("branch")))
    yield "bond", BRANCHES.get(str(one.get("bond_branch")))
    yield "registry", one.get("registry")
    yield "arbitration", " ".join(str(one.get("arbitration") or "").split())
    if one.get("phase") in ("OFFERED", "CHOSEN", "ASKED", "JOINED"):
        yield "offer ends", until(one.get("expires_at_us"))
    if handed.get("attested_at_us"):
        found = "with the proof" if handed.get("attested_with_proof") else "on your word alone"
        yield "attested", f"{moment(handed.get('attested_at_us'))}, {found}"
    yield "your vote", one.get("vote")


def show_parties(one: Json) -> None:
    """Who they are, and why their names can be believed."""
    table(
        ("part", "who", "known as", "id"),
        (
            (
                who_is(p.get("role")),
                p.get("alias"),
                KNOWN.get(str(p.get("known")), "-"),
                short(p.get("node")),
            )
            for p in one.get("parties") or ()
        ),
        empty="",
    )


def show_rules(one: Json) -> None:
    """Whom both sides accepted last, while an agent is looked for."""
    rules = one.get("rules") or ()
    if one.get("phase") != "OFFERED" or not rules:
        return
    for rule in rules[-2:]:
        side = "you accept" if rule.get("ours") else f"the {who_is(rule.get('side'))} accepts"
        say(f"{side}, for a tip of {rule.get('highest_tip')} at most:")
        show_agents(rule.get("agents") or ())
    gap()


def show_agents(agents: Sequence[Json]) -> None:
    """One line for each, with why he is left out."""
    table(
        ("agent", ">tip", ">bond at most", ">score", "fits", "judges", "id"),
        (
            (
                a.get("alias"),
                a.get("tip"),
                a.get("bond_max"),
                "-" if a.get("score") is None else a.get("score"),
                a.get("unfit_text") or ("yes" if a.get("known") else "yes, unknown to you"),
                a.get("judges") or "-",
                short(a.get("agent")),
            )
            for a in agents
        ),
        empty="nobody",
    )


# ---------------------------------------------------------------- figures


def show_figures(one: Json) -> None:
    """Stakes, the deposit rule, what each ends with: before somebody signs, and later."""
    stakes = one.get("stakes")
    if not isinstance(stakes, dict):
        return
    brand, puts = one.get("brand"), one.get("puts_in") or {}
    roles = ("BUYER", "SELLER", "AGENT")
    put = ", ".join(f"{who_is(role)} {puts.get(role)}" for role in roles)
    parts = f"price {stakes.get('price')}, buyer's deposit {stakes.get('buyer_deposit')}"
    tip = one.get("tip") if one.get("tip") is not None else f"up to {one.get('figured_tip')}"
    facts(
        (
            ("at stake", f"{put} {brand}"),
            ("made up of", f"{parts}, seller's deposit {stakes.get('seller_deposit')}, tip {tip},"
             f" bond {stakes.get('bond')}, vote bonds {stakes.get('vote_bond')}"),
            ("house keeps", f"{one.get('house_fee')} of a price that is released"),
            ("times", ", ".join(_times(one.get("times_s") or {}))),
        )
    )  # fmt: skip
    gap()
    show_deposit_rule(one)
    gap()
    show_outcomes(one)
    gap()


def _times(times: Json) -> Iterator[str]:
    for name, words in TIMES.items():
        if times.get(name):
            yield f"{span(times[name])} {words}"


def show_deposit_rule(one: Json) -> None:
    """Which deposit makes cheating not pay, for both sides, with their own figures."""
    rules = one.get("deposit_rule") or {}
    say(
        "Cheating does not pay where the deposit is at least price * (1 - q) / q, q being how often"
    )
    say("it is caught:")
    table(
        ("deposit", ">here", *_heads(rules), "so it holds"),
        (
            (
                "yours" if role == one.get("role") else f"{who_is(role)}'s",
                rule.get("deposit"),
                *(least.get("deposit") for least in rule.get("least") or ()),
                f"where {_percent(rule.get('pays_not_from_permille'))} are caught, or more",
            )
            for role, rule in rules.items()
        ),
        empty="",
    )


def _heads(rules: Json) -> Iterator[str]:
    first: Json = next(iter(rules.values()), {})
    for least in first.get("least") or ():
        yield f">least, q = {_percent(least.get('caught_permille'))}"


def _percent(permille: object) -> str:
    if not isinstance(permille, int):
        return "-"
    whole, tenths = divmod(permille, 10)
    return f"{whole}.{tenths} %" if tenths else f"{whole} %"


def show_outcomes(one: Json) -> None:
    """What each has more or less than before the sale, in every branch."""
    ended = one.get("branch") or ("NOT_LOCKED" if one.get("phase") == "RETURNED" else "")
    say(f"What each has more or less in the end, in {one.get('brand')}, beside the thing itself:")
    table(
        ("how it ends", *(f">{who_is(role)}" for role in COLUMNS)),
        (
            (
                f"{row.get('text')}{' <- so it ended' if row.get('case') == ended else ''}",
                *(_signed((row.get("changes") or {}).get(role)) for role in COLUMNS),
            )
            for row in one.get("outcomes") or ()
        ),
        empty="",
    )
    say(str(one.get("warning") or ""))
    if one.get("hasty"):
        times = one.get("times_s") or {}
        say(
            f"Little time: {span(times.get('release'))} after the lock to attest and to release,"
            f" {span(times.get('window'))} to challenge. The buyer has the credential from the"
            " lock on, and the price goes back to him where nobody attests in that time."
        )


def show_balance(one: Json) -> None:
    """Whether what we have at the house is enough for what we are to put in."""
    if "balance" not in one:
        return
    if one.get("balance") is None:
        say(f"What you have there is not known: {one.get('balance_why') or 'the house is silent'}")
    elif one.get("enough") is False:
        need = (one.get("puts_in") or {}).get(one.get("role"))
        say(f"You have {one['balance']} there, and need {need}: fill the account first.")


def _signed(change: object) -> str:
    return f"{change:+}" if isinstance(change, int) and change else "0"


# ---------------------------------------------------------------- what happens


def show_decisions(one: Json) -> None:
    """The chain of decisions: until when, what became of them, who has signed."""
    decisions = one.get("decisions") or ()
    if not decisions:
        return
    table(
        ("decision", "until", "outcome", "signatures seen", "transaction"),
        (
            (
                DECISIONS.get(str(d.get("decision")), d.get("decision")),
                moment(d.get("until_us")),
                d.get("outcome") or "open",
                ", ".join(who_is(role) for role in d.get("signed") or ()) or "-",
                d.get("uuid"),
            )
            for d in decisions
        ),
        empty="",
    )
    gap()


def show_moves(one: Json) -> None:
    """Whose move it is, until when, and what happens if nobody moves; the command for ours."""
    moves: Sequence[dict[str, Any]] = one.get("moves") or ()
    if not moves:
        say("Nothing is left to do.")
        return
    together: dict[tuple[Any, ...], list[str]] = {}
    for move in moves:
        kind = tuple(move.get(key) for key in ("text", "until_us", "otherwise_text"))
        together.setdefault(kind, []).append(_mover(move))
    table(
        ("whose move", "what", "until", "if nobody moves"),
        (
            (", ".join(who), text, until(until_us), otherwise)
            for (text, until_us, otherwise), who in together.items()
        ),
        empty="",
    )
    for move in moves:
        if move.get("mine") and not move.get("by_itself"):
            say(f"You {'may' if not move.get('needed') else 'can now'}: {command_for(one, move)}")


def _mover(move: Json) -> str:
    who = "you" if move.get("mine") else who_is(move.get("role"))
    if move.get("by_itself") and move.get("role") != "REGISTRY":
        return f"{who} (by itself)"
    return who if move.get("needed") else f"{who} (may)"


def progress(one: Json) -> str:
    """One line of news about a sale under way."""
    parts = [str(one.get("phase"))]
    if (line := next_line(one)) is not None:
        parts.append(line)
    if (reason := because(one)) is not None:
        parts.append(f"because {reason}")
    if one.get("branch"):
        parts.append(BRANCHES[str(one["branch"])])
    return "; ".join(parts)


def show_list(sales: Sequence[Json], empty: str) -> None:
    """One line for each."""
    table(
        ("id", "thing", ">price", "you are", "with", "phase", "next", "began"),
        (
            (
                short(one.get("id")),
                one.get("thing"),
                amount(one.get("price"), one.get("brand")),
                who_is(one.get("role")),
                _others(one),
                one.get("phase"),
                next_line(one) or because(one) or BRANCHES.get(str(one.get("branch")), "-"),
                moment(one.get("created_at_us")),
            )
            for one in sales
        ),
        empty=empty,
    )


def _others(one: Json) -> str:
    others = [p for p in one.get("parties") or () if not p.get("ours") and p.get("role") != "HOUSE"]
    return ", ".join(f"{p.get('alias')} ({who_is(p.get('role'))})" for p in others) or "-"
