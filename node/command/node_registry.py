"""`pledgeway node registry`: which commit registries the node knows, and which it accepts."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import read_file, require_new_file, write_new_file
from node.command.display import Json, facts, gap, moment, say, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.node_registry_list import follow, show_list, unfollow
from node.command.session import Session, with_node
from proto.fraud.file import MAX_FRAUD_BYTES
from proto.limits import MAX_RECORD_BYTES

WHAT: Final = "registry record"
FRAUD: Final = "fraud proof"


@click.group("registry")
def node_registry() -> None:
    """Say which commit registries the node knows, and which it accepts.

    A registry's record names its keys and certifies itself; compare its id with what its operators
    publish. Accepting it means to rely on its decisions.

    \b
    Example:
      pledgeway node registry add ./r1/registry.record --accept --node ./alice
      pledgeway node registry list --node ./alice
    """


@node_registry.command("add", cls=TaughtCommand)
@click.argument("file", metavar="FILE")
@click.option("--accept", is_flag=True, help="Rely on its decisions from now on.")
@with_node
def add(session: Session, file: str, accept: bool) -> None:
    """Make a registry known by its record FILE. A newer record replaces an older one.

    \b
    Example:
      pledgeway node registry add ./r1/registry.record --accept
    """
    record = b64encode(read_file(file, WHAT, MAX_RECORD_BYTES)).decode()
    session.show("registry.add", {"record": record, "accept": accept}, _show_one)


@node_registry.command("list", cls=TaughtCommand)
@with_node
def list_(session: Session) -> None:
    """List the registries that the node knows.

    \b
    Example:
      pledgeway node registry list --node ./alice
    """

    def show(answer: Json) -> None:
        if answer.get("list"):
            show_list(answer["list"])
            gap()
        table(
            ("registry", "id", "state"),
            ((r.get("name"), r.get("id"), _state(r)) for r in answer.get("registries", ())),
            empty="None: `pledgeway node registry add FILE --accept` adds one.",
        )

    session.show("registry.list", {}, show)


node_registry.add_command(follow)
node_registry.add_command(unfollow)


@node_registry.command("accept", cls=TaughtCommand)
@click.argument("registry", metavar="REGISTRY")
@click.option(
    "--witnesses",
    type=click.IntRange(min=0),
    metavar="Q",
    help="How many witnesses a late proof needs; 0: none.  [default: what its record says]",
)
@click.option(
    "--despite-lateness",
    is_flag=True,
    help="Although it was proven to have logged too late: you believe that it was an outage.",
)
@with_node
def accept(session: Session, registry: str, witnesses: int | None, despite_lateness: bool) -> None:
    """Rely on a known REGISTRY (name, id or the beginning of its id) from now on.

    A commit that is shown long after the end of a payment, against an abort, counts by itself only
    where Q witnesses of the registry had seen it in time; otherwise it waits for you among the
    incidents. Those count that its record names now: where a later record names others, accept it
    again. Your number stays until you say another one, or drop the registry.

    \b
    Examples:
      pledgeway node registry accept "Harbour Registry"
      pledgeway node registry accept "Harbour Registry" --witnesses 2
    """
    arguments: dict[str, object] = {"registry": registry, "accept": True}
    if witnesses is not None:
        arguments["witnesses"] = witnesses
    if despite_lateness:
        arguments["despite_lateness"] = True
    session.show("registry.accept", arguments, _show_one)


@node_registry.command("drop", cls=TaughtCommand)
@click.argument("registry", metavar="REGISTRY")
@with_node
def drop(session: Session, registry: str) -> None:
    """Rely on REGISTRY no more. Promises that stand are not touched.

    \b
    Example:
      pledgeway node registry drop "Harbour Registry"
    """
    session.show("registry.accept", {"registry": registry, "accept": False}, _show_one)


@node_registry.command("expose", cls=TaughtCommand)
@click.argument("file", metavar="FILE")
@with_node
def expose(session: Session, file: str) -> None:
    """Hand the node a fraud proof: FILE proves that a registry cheated.

    The node verifies it, drops the registry, flags the promises that wait for its word (`pledgeway
    node incidents`), and passes the file on to its neighbours. What is open is still settled by
    the registry's certificates. A lie is final; a registry that logged later than it promised
    (back-dating, withholding) may have had an outage, and you may accept it again.

    \b
    Example:
      pledgeway node registry expose double.fraud --node ./alice
    """
    proof = b64encode(read_file(file, FRAUD, MAX_FRAUD_BYTES)).decode()
    session.show("registry.expose", {"proof": proof}, _show_one)


@node_registry.command("proof", cls=TaughtCommand)
@click.argument("registry", metavar="REGISTRY")
@click.option("--out", metavar="FILE", required=True, help="Where to write it.")
@with_node
def proof(session: Session, registry: str, out: str) -> None:
    """Write the file that exposed REGISTRY, for anybody to check with `pledgeway verify`.

    \b
    Example:
      pledgeway node registry proof Harbour --out harbour.fraud
    """

    path = Path(out)
    require_new_file(path)
    answer = session.ask("registry.proof", {"registry": registry})
    try:
        write_new_file(path, b64decode(str(answer.value.get("proof", ""))))
    except OSError as error:
        fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    session.print(answer, lambda _: say(f"written: check it with `pledgeway verify {out}`"))


def _show_one(answer: Json) -> None:
    if "id" not in answer:
        say("done")
        return
    facts(
        (
            ("registry", answer.get("name")),
            ("id", answer.get("id")),
            ("reached at", answer.get("grpc_target")),
            ("record expires", moment(answer.get("expires_at_us"))),
            ("state", _state(answer)),
            ("flagged", answer.get("flagged")),
            ("witnesses", _witnesses(answer)),
        )
    )


def _witnesses(answer: Json) -> str:
    named, needed = answer.get("witnesses", 0), answer.get("witness_quorum", 0)
    if not named and not needed:
        return "none"
    hint = "" if answer.get("witnesses_current", True) else "; others than when it was accepted"
    return f"{named}, of whom {needed} vouch for a late proof{hint}"


def _state(registry: Json) -> str:
    how = registry.get("exposed")
    if how:
        return f"EXPOSED as a cheat ({str(how).lower().replace('_', ' ')}), dropped"
    if registry.get("accepted"):
        return "accepted"
    return "accepted (list)" if registry.get("by_list") else "known only"
