"""`pledgeway registry policy`: which registries decide, and how many of them must agree."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import PATH, require_new_file, write_new_file
from node.command.display import facts, gap, say, short
from node.command.exit_status import UNUSABLE, fail
from node.command.policy_file import policy_text, read_policy
from node.command.policy_words import explained, figures
from node.policy_json import policy_json
from proto.limits import MAX_DELTA_US, MAX_POLICY_MEMBERS, MIN_DELTA_US, US
from proto.policy import USUAL_DELTA_US, RegistryPolicy, policy_fault, symmetric
from proto.registry_record import RegistryRecord
from registry.home import Home, HomeFault, load_record

MS_US: Final = US // 1000
COUNT: Final = click.IntRange(1, MAX_POLICY_MEMBERS)
DELTA: Final = click.IntRange(MIN_DELTA_US // MS_US, MAX_DELTA_US // MS_US)
STATUSES: Final = "Exit status: 0 done; 1 a clean no, nothing was changed; 2 unusable input."


@click.group("policy")
def policy() -> None:
    """Make and explain policies: which registries decide, and how many of them must agree.

    \b
    members  commit/abort  may lie  may be down
          1           1/1        -            0    the usual choice
          3           2/2        0            1    a consortium
          4           3/3        1            1    high value
          7           5/5        2            2

    \b
    Example:
      pledgeway registry policy explain 4
      pledgeway registry policy make r1.record r2.record r3.record --out harbours.policy
      pledgeway node policy add harbours harbours.policy --node ./alice
    """


@policy.command("make", epilog=STATUSES)
@click.argument("records", nargs=-1, required=True, metavar="RECORD|DIR...")
@click.option("--liars", "f", type=click.IntRange(0), metavar="F", help="How many may lie.")
@click.option("--commit-quorum", "qc", type=COUNT, metavar="Q", help="Statements that commit.")
@click.option("--abort-quorum", "qa", type=COUNT, metavar="Q", help="Statements that abort.")
@click.option(
    "--delta",
    "delta_ms",
    type=DELTA,
    default=USUAL_DELTA_US // MS_US,
    show_default=True,
    metavar="MS",
    help="Relay step: network, release of a statement and twice the clock error fit in.",
)
@click.option("--out", type=PATH, metavar="FILE", help="Write the policy to a new FILE.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def make(
    records: Sequence[str],
    f: int | None,
    qc: int | None,
    qa: int | None,
    delta_ms: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a policy of the registries whose RECORDs (or directories) are given.

    Without options it takes the usual quorums. Each of the registries must know the others, so
    that commits are passed on between them: `pledgeway registry member add`.

    \b
    Example:
      pledgeway registry policy make ./r1 ./r2 ./r3 --out harbours.policy
    """
    require_new_file(out)
    found = {record.registry: record for record in map(read_record_file, records)}
    if len(found) < len(records):
        fail(UNUSABLE, "registry policy make: a registry is named twice")
    made = _checked(symmetric(found, f, delta_ms * MS_US), qc, qa)
    if out is not None:
        try:
            write_new_file(out, policy_text(made).encode())
        except OSError as error:
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    if as_json:
        click.echo(json.dumps(_json(made)))
        return
    _show(made, [found[member].name for member in made.members])
    if out is not None:
        gap()
        say(f"Owners of nodes say: pledgeway node policy add NAME {out}")


@policy.command("show", epilog=STATUSES)
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(file: str, as_json: bool) -> None:
    """Show the policy in FILE: what it tolerates, and when it is stuck.

    \b
    Example:
      pledgeway registry policy show harbours.policy
    """
    read = read_policy(file)
    if as_json:
        click.echo(json.dumps(_json(read)))
        return
    _show(read, [short(member.hex()) for member in read.members])


@policy.command("explain", epilog=STATUSES)
@click.argument("count", type=COUNT, metavar="MEMBERS")
@click.option("--liars", "f", type=click.IntRange(0), metavar="F", help="How many may lie.")
@click.option("--commit-quorum", "qc", type=COUNT, metavar="Q", help="Statements that commit.")
@click.option("--abort-quorum", "qa", type=COUNT, metavar="Q", help="Statements that abort.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def explain(count: int, f: int | None, qc: int | None, qa: int | None, as_json: bool) -> None:
    """Say what so many MEMBERS would tolerate, before there are any.

    \b
    Example:
      pledgeway registry policy explain 4
      pledgeway registry policy explain 5 --liars 0
    """
    unnamed = [number.to_bytes(32, "big") for number in range(count)]
    made = _checked(symmetric(unnamed, f), qc, qa)
    if as_json:
        click.echo(json.dumps({k: v for k, v in _json(made).items() if k != "members"}))
        return
    _show(made, [])


def _checked(usual: RegistryPolicy, qc: int | None, qa: int | None) -> RegistryPolicy:
    made = replace(usual, qc=qc or usual.qc, qa=qa or usual.qa)
    if fault := policy_fault(made):
        fail(UNUSABLE, f"registry policy: {figures(made)}: {fault.value}")
    return made


def _json(made: RegistryPolicy) -> dict[str, Any]:
    return policy_json(made) | {"declines": made.declines, "explained": dict(explained(made))}


def _show(made: RegistryPolicy, names: Sequence[str]) -> None:
    members = " + ".join(names) or None
    facts((("quorums", figures(made)), ("members", members), *explained(made)))


def read_record_file(named: str) -> RegistryRecord:
    """The record in a file, or of the registry in a directory. Ends the command where none is."""
    path = Path(named)
    try:
        return load_record(Home(path).record if path.is_dir() else path)
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))
