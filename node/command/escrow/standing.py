"""`pledgeway escrow stand`, `standing` and `unstand`: seats that are taken without asking."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from node.command.argument_types import AMOUNT, PATH, SPAN, read_file
from node.command.display import Json, facts, moment, short, table
from node.command.escrow.choosing import chosen_template
from node.command.escrow.naming import settings, whom
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node
from node.escrow.standing import (
    AT_ONCE,
    MAX_RULE_BYTES,
    MOST_USES,
    OF_ONE,
    PER_DAY,
    PER_HOUR,
    WITHIN_S,
)
from proto.limits import US

NODE_DIGITS = 64  # of a node's id, which no table has room for
USES = click.IntRange(1, MOST_USES)


@click.command("stand", cls=TaughtCommand)
@click.argument("template", required=False, metavar="TEMPLATE")
@click.option("--file", type=PATH, metavar="FILE", help="Your own template.")
@click.option("--rule", type=str, metavar="FILE", help="Instead of all this: the rule, as JSON.")
@click.option("--seat", default="", metavar="NAME", help="The seat that you take.")
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="What a wildcard may be: VALUE, MIN..MAX, or A|B|C; repeatable.",
)
@click.option(
    "--any", "anything", multiple=True, metavar="NAME", help="A wildcard that may be anything."
)
@click.option(
    "--only",
    multiple=True,
    metavar="WHO",
    help="Only with these: card file or alias; repeatable.",
)
@click.option("--until", "until_s", type=SPAN, help="How long it stands.  [default: for ever]")
@click.option("--max-cost", type=AMOUNT, help="Pay no more for a payment of ours, fees included.")
@click.option(
    "--within",
    "within_s",
    type=SPAN,
    help=f"Lock what you give no longer than this.  [default: {WITHIN_S}s]",
)
@click.option("--at-once", type=USES, help=f"Seats under way at a time.  [default: {AT_ONCE}]")
@click.option("--of-one", type=USES, help=f"Of these with one proposer.  [default: {OF_ONE}]")
@click.option("--per-hour", type=USES, help=f"Seats taken in an hour.  [default: {PER_HOUR}]")
@click.option("--per-day", type=USES, help=f"Seats taken in a day.  [default: {PER_DAY}]")
@with_node
def stand(
    session: Session,
    /,
    template: str | None,
    file: Path | None,
    rule: str | None,
    seat: str,
    values: Sequence[str],
    anything: Sequence[str],
    only: Sequence[str],
    until_s: int | None,
    max_cost: int | None,
    **limits: int | None,
) -> None:
    """Make a standing offer: a seat that your node takes whenever somebody proposes it.

    For shops, vaults and land offices, which cannot be asked each time. It holds for these exact
    bytes of a template. Everything that can be filled in needs a --value or an --any, since whoever
    proposes chooses what you leave open. Your node still signs only when all that you get is
    promised; but whoever proposes and never signs locks what you give until the deadline, so an
    offer is used only so often.

    \b
    Example, lamps kept by a simulator for 40 or more of USD each:
      pledgeway escrow stand buy-object --seat seller --value brand=USD \\
          --value amount=40.. --value region=Ahern --any task_id \\
          --value simulator=ahern.card --at-once 5 --until 7d
    """
    uses = {name: limit for name, limit in limits.items() if limit is not None}
    if rule is not None:
        if template or seat or values or anything or only or until_s or max_cost or uses:
            fail(UNUSABLE, "escrow stand: a --rule says it all: leave out the rest but --file")
        whole: dict[str, Any] = {"rule": _read_rule(rule)}
        if file is not None:
            whole["template"] = chosen_template(None, file, session.directory)[1].decode()
        session.show("escrow.stand", whole, _show)
        return
    if not seat:
        fail(UNUSABLE, "escrow stand: name the seat that you take with --seat")
    _, data = chosen_template(template, file, session.directory)
    arguments: dict[str, Any] = {
        "template": data.decode(),
        "seat": seat,
        "values": settings("--value", values),
        "anything": list(anything),
        "only": [whom(one) for one in only],
        **uses,
    }
    if until_s is not None:
        arguments["until_s"] = until_s
    if max_cost is not None:
        arguments["max_cost"] = max_cost
    session.show("escrow.stand", arguments, _show)


def _read_rule(name: str) -> dict[str, Any]:
    data = read_file(name, "standing offer", MAX_RULE_BYTES)
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        fail(UNUSABLE, f"{name}: holds no standing offer: a JSON object with template and seat")
    return found


@click.command("standing", cls=TaughtCommand)
@click.option("--all", "ended", is_flag=True, help="Those that were ended, too.")
@with_node
def standing(session: Session, ended: bool) -> None:
    """List your standing offers, the newest first.

    \b
    Example:
      pledgeway escrow standing
    """

    def show(answer: Json) -> None:
        table(
            ("id", "template", "seat", "where", "with", ">now", ">in 1 h", "until", "made"),
            (
                (
                    short(one.get("id")),
                    _template(one),
                    one["rule"].get("seat"),
                    _said(one["rule"].get("values") or {}),
                    ", ".join(map(short, one["rule"].get("only") or ())) or "anybody",
                    _use(one, "at_once"),
                    _use(one, "per_hour"),
                    "ended" if one.get("ended") else _until(one),
                    moment(one.get("created_at_us")),
                )
                for one in answer.get("standing", ())
            ),
            empty="No standing offers: `pledgeway escrow stand TEMPLATE` makes one.",
        )

    session.show("escrow.standing", {"ended": True} if ended else {}, show)


@click.command("unstand", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def unstand(session: Session, identifier: str) -> None:
    """End a standing offer. Seats that it has taken already stay taken.

    \b
    Example:
      pledgeway escrow unstand 4f1c
    """
    session.show("escrow.unstand", {"id": identifier}, _show)


def _template(one: Json) -> str:
    return str(one.get("transaction") or short(one["rule"].get("template")))


def _use(one: Json, name: str) -> str:
    """ "2 of 16"."""
    return f"{(one.get('used') or {}).get(name, 0)} of {one['rule'].get(name, '?')}"


def _said(values: Mapping[str, Any]) -> str:
    """ "amount 40.., region Ahern"."""
    return ", ".join(f"{name} {_bound(bound)}" for name, bound in values.items()) or "anything"


def _bound(bound: object) -> str:
    if isinstance(bound, dict):
        return f"{bound.get('min', '')}..{bound.get('max', '')}"
    if isinstance(bound, list):
        return " or ".join(_bound(one) for one in bound if one is not None)
    text = str(bound)
    return short(text) if len(text) == NODE_DIGITS else text


def _until(one: Json) -> str:
    until_us = one["rule"].get("until_us")
    return moment(until_us) if isinstance(until_us, int) and until_us > US else "you end it"


def _show(one: Json) -> None:
    rule = one.get("rule") or {}
    facts(
        (
            ("standing offer", one.get("id")),
            ("template", _template(one)),
            ("you sit as", rule.get("seat")),
            ("where", _said(rule.get("values") or {})),
            ("with", ", ".join(map(short, rule.get("only") or ())) or "anybody"),
            ("until", "ended" if one.get("ended") else _until(one)),
            ("under way", _use(one, "at_once")),
            ("in the last hour", _use(one, "per_hour")),
            ("in the last day", _use(one, "per_day")),
        )
    )
