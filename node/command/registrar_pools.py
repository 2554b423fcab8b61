"""`pledgeway registrar pools`: stakes of sales that this node keeps, and who was paid what."""

from functools import partial
from typing import Final

import click

from node.command.display import Json, amount, facts, gap, moment, say, short, table
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node

DECISIONS: Final = {
    "AGREE": "T0 agree",
    "LOCK": "T1 lock",
    "RELEASE": "T2 release",
    "REFUND": "T3 refund",
    "DELIVERED": "Ta delivered",
    "CHALLENGE": "Tc challenge",
    "SLASH": "Ts slash",
}
STATES: Final = {
    "OPEN": "promised, stakes are awaited",
    "FILLED": "all stakes are in it",
    "DONE": "all is paid out",
    "VOID": "never filled",
}
ENDS: Final = {
    "RELEASED": "released",
    "REFUNDED": "refunded",
    "REFUND_PLAIN": "refunded, no tip",
    "RETURNED": "bond returned",
    "SLASHED": "bond slashed",
}


@click.command("pools", cls=TaughtCommand)
@click.argument("named", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@click.option("--after", metavar="ID", help="Goes on behind the pool of this id.")
@with_node
def pools(session: Session, named: str | None, every: bool, after: str | None) -> None:
    """List the pools of sales that you keep as their house, or show one.

    A sale that an agent judges has its stakes with you: what certificates of its registry prove
    says who is paid what, and nobody else does, you neither. CLAIMED: the registry signed
    both ways, and the later word is not the one by which you have paid; its two signatures are
    kept, and those who lost by it have a claim against that registry.

    ID is the beginning of a pool's id.

    \b
    Example:
      pledgeway registrar pools --node ./house
      pledgeway registrar pools 3fa94c --node ./house
    """
    arguments: dict[str, object] = {"all": every}
    arguments |= {"pool": named} if named else {}
    arguments |= {"after": after} if after else {}
    show = _show_one if named else partial(_show_all, every=every)
    session.show("registrar.pools", arguments, show)


def _show_all(answer: Json, *, every: bool) -> None:
    found = answer.get("pools", ())
    table(
        ("pool", "sale", ">total", "state", "decided", "ended as", "paid", "votes"),
        (
            (
                short(one.get("pool")),
                short(one.get("sale")),
                amount(one.get("total"), one.get("name")),
                _state(one),
                ", ".join(f"{_decision(d)} {_said(d)}" for d in _decided(one)) or "nothing",
                _ended(one) or "-",
                _paid(one) or "-",
                ", ".join(f"{v.get('role')} {_vote(v)}" for v in one.get("votes", ())),
            )
            for one in found
        ),
        empty="No pools." if every else "No pools under way. --all: also those that ended.",
    )
    if answer.get("more"):
        say(f"There are more: --after {found[-1].get('pool')}")


def _show_one(answer: Json) -> None:
    (one,) = answer.get("pools", ())
    state = one.get("state")
    facts(
        (
            ("pool", one.get("pool")),
            ("sale", one.get("sale")),
            ("state", f"{_state(one)}: {STATES.get(state, '')}"),
            ("total", amount(one.get("total"), one.get("name"))),
            ("still in it", amount(one.get("left"), one.get("name"))),
            ("ended as", _ended(one) or None),
            ("since", moment(one.get("since_us"))),
            ("stakes until", moment(one.get("fill_until_us")) if state == "OPEN" else None),
            ("your fee", amount(one.get("house", {}).get("fee"), one.get("name"))),
            ("votes sealed until", moment(one.get("votes_sealed_until_us"))),
            ("votes opened until", moment(one.get("votes_open_until_us"))),
        )
    )
    gap()
    votes = {vote.get("role"): vote for vote in one.get("votes", ())}
    table(
        ("part", "node", "account", ">stake", ">paid", "vote"),
        (
            (
                party.get("role"),
                short(party.get("node")),
                short(party.get("account")) or "-",
                party.get("stake"),
                party.get("paid"),
                _vote(votes[party.get("role")]) if party.get("role") in votes else "-",
            )
            for party in one.get("parties", ())
        ),
        empty="",
    )
    gap()
    table(
        ("decision", "says", "decided by", "commit id"),
        (
            (
                _decision(row),
                _said(row) or "nothing yet",
                moment(row.get("until_us")),
                short(row.get("commit_id")),
            )
            for row in one.get("decisions", ())
        ),
        empty="",
    )


def _state(one: Json) -> str:
    return f"{one.get('state')} CLAIMED" if one.get("claimed") else str(one.get("state"))


def _decision(row: Json) -> str:
    return DECISIONS.get(str(row.get("decision")), str(row.get("decision")))


def _decided(one: Json) -> list[Json]:
    return [row for row in one.get("decisions", ()) if row.get("said")]


def _said(row: Json) -> str:
    both = " (and the opposite)" if row.get("contradicted") else ""
    return str(row.get("said")).lower() + both if row.get("said") else ""


def _ended(one: Json) -> str:
    ends = [ENDS.get(one.get(part, ""), "") for part in ("branch", "bond")]
    return ", ".join(end for end in ends if end)


def _paid(one: Json) -> str:
    paid = [f"{p.get('role')} {p.get('paid')}" for p in one.get("parties", ()) if p.get("paid")]
    fee = one.get("house", {}).get("fee")
    return ", ".join([*paid, *([f"you {fee}"] if fee else [])])


def _vote(vote: Json) -> str:
    if vote.get("opened"):
        return "success" if vote.get("success") else "failure"
    return "sealed" if vote.get("sealed") else "none"
