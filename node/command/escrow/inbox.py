"""`pledgeway escrow inbox`: what needs a human, with a suggested step and the evidence."""

import json
from pathlib import Path

import click

from node.command.argument_types import PATH, require_new_file, write_new_file
from node.command.display import Json, amount, facts, moment, say, short, span, table, who
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import NoAnswer, Session, with_node


@click.command("inbox", cls=TaughtCommand)
@click.argument("identifier", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Also what has settled itself meanwhile.")
@click.option(
    "--evidence",
    type=PATH,
    metavar="FILE",
    help="Write all that this node can show about the entry ID to a new FILE, as JSON.",
)
@with_node
def inbox(
    session: Session, identifier: str | None, everything: bool, evidence: Path | None
) -> None:
    """List what needs a human: undecided or unsettled exchanges, claims, registries that cheat.

    Each entry says what is wrong, for how long, and what to do. Nothing here can change a decision.
    With ID, that entry alone; --evidence writes its bundle: proposal, terms, promises, certificate
    (in base64), and no secrets.

    \b
    Example:
      pledgeway escrow inbox
      pledgeway escrow inbox 7c01 --evidence case.json
    """
    if evidence is not None:
        if identifier is None:
            fail(UNUSABLE, "escrow inbox: say of which entry: `pledgeway escrow inbox ID`")
        require_new_file(evidence)
        _write(session, identifier, evidence)
        return
    if identifier is None:
        session.show("escrow.inbox", {"all": True} if everything else {}, _show_all)
        return
    answer = session.ask("escrow.inbox", {"all": True})
    found = [x for x in answer.value["inbox"] if str(x["id"]).startswith(identifier.lower())]
    if len(found) != 1:
        cause = f"{len(found) or 'no'} entries begin with {identifier!r}"
        session.end(NoAnswer(1, "NOT_FOUND", cause, "see `pledgeway escrow inbox --all`"))
    _print_one(session, found[0])


def _print_one(session: Session, entry: Json) -> None:
    if session.as_json:
        click.echo(json.dumps(entry, ensure_ascii=False))
        return
    facts(
        (
            ("entry", entry.get("id")),
            ("kind", entry.get("kind")),
            ("what", entry.get("what")),
            ("detail", entry.get("detail") or None),
            ("with", who(entry)),
            ("amount", _amount(entry) if entry.get("amount") else None),
            ("exchange", entry.get("exchange")),
            ("sale", entry.get("sale")),
            ("transaction", entry.get("uuid")),
            ("since", f"{moment(entry.get('at_us'))}, {span(entry.get('age_s'))} ago"),
            ("settled", "yes: nothing is to be done" if entry.get("settled") else "no"),
            ("do this", None if entry.get("settled") else entry.get("step")),
        )
    )
    name = short(entry.get("id"))
    say(f"All evidence: `pledgeway escrow inbox {name} --evidence FILE`.")


def _amount(entry: Json) -> str:
    return amount(entry.get("amount"), entry.get("brand"))


def _show_all(answer: Json) -> None:
    table(
        ("id", "age", "what", "with", ">amount", "exchange or sale", "do this"),
        (
            (
                short(one.get("id")),
                span(one.get("age_s")),
                one.get("what"),
                who(one),
                _amount(one) if one.get("amount") else "-",
                short(one.get("exchange") or one.get("sale")) or "-",
                "nothing: it is settled" if one.get("settled") else one.get("step"),
            )
            for one in answer.get("inbox", ())
        ),
        empty="Nothing needs a human.",
    )


def _write(session: Session, identifier: str, file: Path) -> None:
    answer = session.ask("escrow.bundle", {"id": identifier})
    try:
        write_new_file(file, str(answer.value.get("bundle", "")).encode() + b"\n")
    except OSError as error:
        cause = f"{file}: cannot be written: {error.strerror}"
        session.end(NoAnswer(UNUSABLE, "NOT_WRITTEN", cause, "name another file"))
    session.print(answer, lambda _: say(f"evidence written to {file}"))
