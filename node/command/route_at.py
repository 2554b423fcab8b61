"""`pledgeway route --at NODE`: the same question to a running node, which uses what it knows."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from node.command.exit_status import UNUSABLE
from node.command.session import BAD_ARGUMENT, ENVIRONMENT, NoAnswer, Session
from node.command.unaskable import Unusable
from pathfinder.answer_read import read_whole
from pathfinder.asking import WholeAnswer
from pathfinder.question import RouteQuestion
from proto.levels import Level

ASK_TIMEOUT_S: Final = 60.0  # a search in a large network, behind others
# What the node calls an argument, and what it is called here.
_OPTIONS: Final = {
    "registries": "--registry",
    "levels": "--level",
    "first_levels": "--first-level",
    "last_levels": "--last-level",
    "avoid_lines": "--avoid-line",
}

at_option = click.option(
    "--at",
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=f"Ask the node that runs here.  [default: {ENVIRONMENT}, without --network]",
)


def node_to_ask(file: Path | None, directory: Path | None, payer: str | None) -> Path | None:
    """Where the node is that the question goes to; None: it is about the file. Unusable."""
    if file is not None and directory is not None:
        raise Unusable("--network and --at exclude each other: ask a file, or a node")
    if file is None and directory is None and (named := os.environ.get(ENVIRONMENT)):
        directory = Path(named)
    if file is None and directory is None:
        raise Unusable("name a file with --network, or the folder of a running node with --at")
    if file is not None and payer is None:
        raise Unusable("Missing option '--from': a file does not say who pays")
    return None if directory is None else directory.expanduser()


def ask_node(
    directory: Path,
    question: RouteQuestion,
    more: Mapping[str, object],
    *,
    explained: bool,
    as_json: bool,
) -> tuple[WholeAnswer, RouteQuestion, Mapping[str, Any]]:
    """The node's answer, the question in the names that it uses, and the JSON that it said. Ends
    the command where it has none; Unusable where the question is no question.

    `more`: arguments of the verb beside what the question says; those that are None stay away.
    """
    given = {name: value for name, value in more.items() if value is not None}
    session = Session(directory, as_json)
    try:
        said = session.try_ask(
            "route", _arguments(question, explained) | given, ASK_TIMEOUT_S
        ).value
    except NoAnswer as no:
        if no.failure["code"] == BAD_ARGUMENT:
            argument, _, cause = str(no.failure["message"]).partition(": ")
            option = _OPTIONS.get(argument, f"--{argument.replace('_', '-')}")
            raise Unusable(f"{directory}: {option}: {cause}") from no
        session.end(no)
    names = said.get("asked", {})
    named = replace(
        question,
        payer=str(names.get("from", question.payer)),
        payee=str(names.get("to", question.payee)),
    )
    brand = str(names.get("brand") or question.brand or "")
    try:
        return read_whole(said.get("answer"), brand, question.amount), named, said["answer"]
    except ValueError as error:
        cause = "the node's answer cannot be read"
        session.end(NoAnswer(UNUSABLE, "LOST", f"{cause}: {error}", "update the older of the two"))


def _arguments(question: RouteQuestion, explained: bool) -> dict[str, Any]:
    """The arguments of the verb; what was not asked for stays with the node's own defaults."""
    asked: dict[str, Any] = {
        "to": question.payee,
        "amount": question.amount,
        "max_hops": question.max_hops,
        "explain": explained,
    }
    if question.payer:
        asked["from"] = question.payer
    if question.brand is not None:
        asked["brand"] = question.brand
    if question.policies is not None:
        asked["registries"] = sorted(question.policies)
    if question.last_levels != frozenset(Level):
        asked["last_levels"] = sorted(level.name for level in question.last_levels)
    return asked
