"""`pledgeway node policy`: several registries that decide together, under a name."""

from collections.abc import Sequence
from typing import Any, Final

import click

from node.command.display import Json, facts, say, table, yes_no
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.policy_file import read_policy
from node.command.policy_words import explained, figures
from node.command.session import Session, with_node
from node.policy_json import policy_json, policy_of_json
from proto.limits import MAX_POLICY_MEMBERS
from proto.policy import RegistryPolicy

COUNT: Final = click.IntRange(1, MAX_POLICY_MEMBERS)


@click.group("policy")
def node_policy() -> None:
    """Let several registries decide together.

    One registry alone is the usual choice. A policy of several goes on deciding while some of them
    are down, and above a certain size while some of them lie. Requests name the policies that the
    payee takes, and the payer uses one of them; whoever relies on it accepts each of its members.

    \b
    Example:
      pledgeway node policy add harbours --member R1 --member R2 --member R3 --node ./bob
      pledgeway request create 700 USD --policy harbours --node ./bob
      pledgeway node policy list --node ./bob
    """


@node_policy.command("add", cls=TaughtCommand)
@click.argument("name")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--member", "members", multiple=True, metavar="R", help="Known registry; repeatable.")
@click.option("--liars", "f", type=click.IntRange(0), metavar="F", help="How many may lie.")
@click.option("--commit-quorum", "qc", type=COUNT, metavar="Q", help="Statements that commit.")
@click.option("--abort-quorum", "qa", type=COUNT, metavar="Q", help="Statements that abort.")
@click.option("--delta", "delta_ms", type=int, metavar="MS", help="Relay step.  [default: 2000]")
@with_node
def add(
    session: Session,
    name: str,
    file: str | None,
    members: Sequence[str],
    f: int | None,
    qc: int | None,
    qa: int | None,
    delta_ms: int | None,
) -> None:
    """Call a policy NAME: that of a FILE, or of --member registries with the usual quorums.

    The usual quorums are 2/2 of three registries (none may lie), 3/3 of four (one may), 5/5 of
    seven (two may). `pledgeway registry policy explain 4` says what that means.

    \b
    Example:
      pledgeway node policy add harbours --member R1 --member R2 --member R3
      pledgeway node policy add harbours harbours.policy
    """
    given: dict[str, Any] = {"f": f, "qc": qc, "qa": qa, "delta_ms": delta_ms}
    chosen = {key: value for key, value in given.items() if value is not None}
    if file is not None:
        if members or chosen:
            fail(UNUSABLE, "node policy add: a FILE says everything: no options beside it")
        chosen = policy_json(read_policy(file))
        members = chosen.pop("members")
    elif not members:
        fail(UNUSABLE, "node policy add: name its registries with --member, or a FILE")
    session.show("policy.add", {"name": name, "members": list(members)} | chosen, _show_one)


@node_policy.command("list", cls=TaughtCommand)
@with_node
def list_(session: Session) -> None:
    """List the policies that have a name here.

    \b
    Example:
      pledgeway node policy list --node ./alice
    """

    def show(answer: Json) -> None:
        table(
            ("policy", "quorums", "registries", "state"),
            (
                (
                    one.get("name"),
                    figures(policy) if (policy := _policy(one)) else "-",
                    " + ".join(one.get("registries", ())),
                    yes_no(one.get("accepted"), "accepted", "not all accepted"),
                )
                for one in answer.get("policies", ())
            ),
            empty="None: `pledgeway node policy add NAME --member R1 --member R2` makes one.",
        )

    session.show("policy.list", {}, show)


@node_policy.command("drop", cls=TaughtCommand)
@click.argument("name")
@with_node
def drop(session: Session, name: str) -> None:
    """Forget the policy NAME. Requests and promises that stand are not touched.

    \b
    Example:
      pledgeway node policy drop harbours
    """
    session.show(
        "policy.drop", {"name": name}, lambda one: say(f"{one.get('name') or 'it'} is forgotten")
    )


def _policy(one: Json) -> RegistryPolicy | None:
    """None where a node of another version says something else."""
    try:
        return policy_of_json(one)
    except (KeyError, TypeError, ValueError):
        return None


def _show_one(one: Json) -> None:
    policy = _policy(one)
    facts(
        (
            ("policy", one.get("name") or "-"),
            ("registries", " + ".join(one.get("registries", ()))),
            ("quorums", figures(policy) if policy else None),
            ("state", yes_no(one.get("accepted"), "accepted", "not all accepted")),
            *(explained(policy) if policy else ()),
        )
    )
