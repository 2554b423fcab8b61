"""`pledgeway escrow explain`: what a template does to whom, filled in as far as it is known."""

import json
from pathlib import Path
from typing import Any, Final

import click

from node.command.display import facts, gap, say, short, table, yes_no
from node.command.escrow.choosing import NODE_HELP, chosen_template, unusable
from node.command.escrow.naming import pairs
from node.command.session import ENVIRONMENT
from node.escrow.filling import instance_bytes, typed_values
from node.escrow.library import is_shipped
from node.escrow.plan import bind_values
from node.escrow.resolving import Bound
from node.escrow.telling import amount_of, arrows, bounds_told, holds_money, seats_told, thing
from node.escrow.templates import Template
from node.escrow.wildcards import Value

NODE_ID: Final = "node id of 64 hex digits"


@click.command(
    "explain",
    epilog="Exit status: 0 explained; 1 there is no such template; 2 it cannot be used, or what is"
    " filled in does not fit.",
)
@click.argument("name", required=False, metavar="NAME")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Fill in a seat or a wildcard; repeatable.",
)
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Your own template.")
@click.option(
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    metavar="DIR",
    help=NODE_HELP,
)
@click.option("--source", is_flag=True, help="Print the template itself, to begin one's own with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(
    name: str | None,
    settings: tuple[str, ...],
    file: Path | None,
    directory: Path | None,
    source: bool,
    as_json: bool,
) -> None:
    """Say for each seat of a template what it gives, gets, wants and signs, and what to fill in.

    With --set, as far as it is filled in: values are checked, and the legs show them. Nothing is
    sent anywhere. In NAME, hyphens stand for spaces.

    \b
    Example:
      pledgeway escrow explain buy-object
      pledgeway escrow explain buy-object --set brand=USD --set amount=40 --set region=Ahern
      pledgeway escrow explain buy-object --source > my_sale.json
      pledgeway escrow explain --file my_sale.json
    """
    template, data = chosen_template(name, file, directory)
    if source:
        click.echo(data.decode(), nl=False)
        return
    with unusable():
        values = typed_values(template, pairs("--set", settings))
        bound = bind_values(template, values, partly=True)
    if as_json:
        click.echo(json.dumps(_as_json(template, bound, values), ensure_ascii=False))
    else:
        _print(template, bound, values)


def _missing(template: Template, bound: Bound) -> list[str]:
    seats = [seat.name for seat in template.seats if seat.name not in bound.nodes]
    return [*seats, *(w.name for w in template.wildcards if w.name not in bound.values)]


def _print(template: Template, bound: Bound, values: dict[str, Value]) -> None:
    ships = "ships with Pledgeway" if is_shipped(template) else "no template that ships"
    facts(
        (
            ("template", f"{template.name}, version {template.version} ({ships})"),
            ("what happens", template.about or None),
            ("sha256", template.hash.hex()),
        )
    )
    gap()
    for line in arrows(template, bound):
        say(line)
    gap()
    table(
        ("seat", "who", "gives", "gets", "wants as well that", "signs"),
        (
            (
                told.name,
                short(bound.nodes[told.name].hex()) if told.name in bound.nodes else "-",
                told.gives,
                told.gets,
                told.needs,
                yes_no(told.signs),
            )
            for told in seats_told(template)
        ),
        empty="",
    )
    gap()
    table(
        ("--set", "is", "bounds", "filled in"),
        [
            *((s.name, NODE_ID, "", _said(values, s.name)) for s in template.seats),
            *(
                (w.name, w.kind.value, bounds_told(w), _said(values, w.name))
                for w in template.wildcards
            ),
        ],
        empty="",
    )
    gap()
    say("Whoever signs does so only when all that he gets and wants is promised; without one of")
    say("these signatures, or if anything fails, everything returns to whoever gave it.")
    if not all(seat.commits for seat in template.seats):
        say("Whoever gives and does not sign agrees by locking what he gives.")
    if holds_money(template):
        say("Money is a part of it, so all is decided within a minute.")
    missing = _missing(template, bound)
    say(f"Still to fill in: {', '.join(missing)}" if missing else "All is filled in.")


def _said(values: dict[str, Value], name: str) -> str:
    return str(values[name]) if name in values else "-"


def _as_json(template: Template, bound: Bound, values: dict[str, Value]) -> dict[str, Any]:
    missing = _missing(template, bound)
    made: dict[str, Any] = {
        "template": template.name,
        "version": template.version,
        "sha256": template.hash.hex(),
        "about": template.about,
        "ships": is_shipped(template),
        "short": holds_money(template),
        "seats": [
            {
                "seat": seat.name,
                "node": bound.nodes[seat.name].hex() if seat.name in bound.nodes else None,
                "gives": seat.gives,
                "gets": seat.receives,
                "wants": seat.wants,
                "signs": seat.commits,
            }
            for seat in template.seats
        ],
        "legs": [
            {
                "no": flow.no,
                "name": flow.gathered.name,
                "from": flow.gathered.giver,
                "to": flow.to,
                "type": flow.gathered.kind,
                "amount": amount_of(flow, bound),
                "what": thing(flow.gathered, flow.amount, bound),
            }
            for flow in template.flows
        ],
        "fill_in": [
            {
                "name": w.name,
                "is": w.kind.value,
                "min": w.least,
                "max": w.most,
                "one_of": list(w.one_of) or None,
                "default": w.default,
                "value": bound.values.get(w.name),
            }
            for w in template.wildcards
        ],
        "missing": missing,
    }
    if not missing:
        made["instance"] = instance_bytes(template, values).decode()
    return made
