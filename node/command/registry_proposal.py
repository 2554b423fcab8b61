"""What a change of a registry's record came to, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from node.command.display import facts, say
from node.command.exit_status import REFUSED, fail
from registry.config import ConfigFault
from registry.home import Home, HomeFault
from registry.key_change import ChangeRefused
from registry.next_record import Proposal
from registry.record_draft import Missing

RESTART = "Restart the registry to use it, and hand the record to witnesses and node operators."


def proposed(make: Callable[[], Proposal]) -> Proposal:
    """Ends the command with one line where it cannot be done."""
    try:
        return make()
    except (HomeFault, ConfigFault, ChangeRefused) as fault:
        fail(REFUSED, str(fault))


def proposal_json(home: Home, proposal: Proposal) -> dict[str, object]:
    return {
        "published": proposal.record is not None,
        "sequence": proposal.draft.content.sequence,
        "record": str(home.record),
        "draft": None if proposal.record is not None else str(home.draft),
        "missing": [
            {"part": m.part, "lacking": m.lacking, "keys": [key.hex() for key in m.keys]}
            for m in proposal.missing
        ],
    }


def show_proposal(home: Home, proposal: Proposal, as_json: bool, **more: object) -> None:
    """`more` stands beside the rest in JSON."""
    if as_json:
        click.echo(json.dumps(proposal_json(home, proposal) | more))
        return
    if proposal.record is not None:
        facts((("published", f"record {proposal.record.sequence}"), ("file", home.record)))
        say(RESTART)
        return
    facts((("waits in", home.draft), ("record", proposal.draft.content.sequence)))
    show_missing(proposal.missing)
    teach(home.path, home.draft)


def show_missing(missing: tuple[Missing, ...]) -> None:
    for part in missing:
        keys = ", ".join(key.hex()[:16] for key in part.keys)
        say(f"  {part.part}: {part.lacking} more of {keys}")


def teach(directory: Path, draft: Path) -> None:
    say("")
    say("Too few root keys are here. Take the draft to operators' offline machines; on each:")
    say(f"  pledgeway registry record sign {draft.name} --key operator-1.key")
    say("then bring the signed files back, and publish them together:")
    say(f"  pledgeway registry record publish {directory} FILE...")
