"""`pledgeway verify sale FILE`: what the papers of a sale prove, without asking anybody."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from node.command.argument_types import PATH
from node.command.display import facts, say, table
from node.command.exit_status import plain
from node.command.verify_certificate import (
    ProvesNothing,
    Unreadable,
    newest_records,
    read_records,
)
from node.command.verify_sale_words import NOT_PROVEN, headline, missing, owed, whole
from node.sale.contradiction import Contradiction
from node.sale.proving import Proof, prove
from node.sale.proving_decisions import T_NAMES
from proto.descriptor import transaction_uuid
from proto.sale.papers import MAX_SALE_FILE_BYTES, decode_papers
from proto.wire import WireFault

NO_OUTCOME: Final = "NO_OUTCOME"
REFUSED: Final = 1
UNUSABLE: Final = 2


def is_sale_file(data: bytes) -> bool:
    """Whether this looks like the papers of a sale, and no certificate."""
    try:
        decode_papers(data)
    except WireFault:
        return False
    return True


@click.command("sale")
@click.argument("file", type=PATH, metavar="FILE")
@click.option(
    "--record",
    type=PATH,
    multiple=True,
    help="A newer record of the registry than the one in FILE; say it once for each.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify_sale(file: Path, record: tuple[Path, ...], as_json: bool) -> None:
    """Say what the papers of a sale prove, offline.

    FILE is what `pledgeway sale show ID --evidence FILE` has written, at any party and at any point
    of the sale. Every signature is verified, and that all papers are of one sale: offer, rules, how
    the agent was chosen, contract, the house's promise, T0, T1, hand-over, certificates. It says
    which branch they prove, what the house owes to which account, and what is missing to prove
    more.

    Exit status 0: it is proven how the sale ends; 1: it is not proven (NO_OUTCOME), or a paper
    contradicts the others, which is named; 2: FILE cannot be read.

    \b
    Example:
      pledgeway verify sale lamp.sale
      pledgeway verify sale lamp.sale --record registry.record --json
    """
    try:
        with file.open("rb") as opened:
            papers = decode_papers(opened.read(MAX_SALE_FILE_BYTES + 1))
        records = newest_records((*papers.records, *read_records(record)))
        proof = prove(papers, records, time.time_ns() // 1000)
    except OSError as error:
        _unusable(Path(error.filename or file), error.strerror or "unreadable", as_json)
    except WireFault as fault:
        _unusable(file, f"{fault}: `pledgeway sale show ID --evidence FILE` writes one", as_json)
    except Unreadable as fault:
        _unusable(file, str(fault), as_json)
    except ProvesNothing as fault:
        _refused(fault.code, str(fault), as_json)
    except Contradiction as fault:
        _refused(fault.paper.name, str(fault), as_json)
    if as_json:
        click.echo(json.dumps(_json(proof)))
    else:
        _show(proof)
    if not proof.concluded:
        sys.exit(REFUSED)


def _unusable(file: Path, cause: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"valid": False, "code": "UNREADABLE", "cause": cause}))
    click.echo(plain(f"pledgeway verify sale: {file}: {cause}"), err=True)
    sys.exit(UNUSABLE)


def _refused(code: str, cause: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"valid": False, "code": code, "cause": cause}))
    else:
        say(f"PROVES NOTHING ({code}): {cause}")
    sys.exit(REFUSED)


def _json(proof: Proof) -> dict[str, Any]:
    offer, agent, contract = proof.offer, proof.agent, proof.contract
    return {
        "valid": True,
        "concluded": proof.concluded,
        "code": None if proof.concluded else NO_OUTCOME,
        "id": proof.sale.hex(),
        "thing": offer.thing,
        "price": offer.stakes.price,
        "brand": offer.described.brand.name,
        "buyer": offer.buyer.hex(),
        "seller": offer.seller.hex(),
        "agent": agent.offer.agent.hex() if agent is not None else None,
        "tip": agent.tip if agent is not None else None,
        "house": offer.house.hex(),
        "registry": offer.policy.members[0].hex(),
        "contract": contract is not None,
        "keys_named_by": [role.name for role in proof.named],
        "promised": proof.promised,
        "stakes_promised": [role.name for role in proof.stakes],
        "handed_over": proof.handed is not None,
        "log_entries": len(proof.papers.log),
        "credential_logged": proof.credential_logged,
        "control": proof.control,
        "vote": proof.vote.success if proof.vote is not None else None,
        "decisions": [
            {
                "name": T_NAMES[decision],
                "decision": decision.name,
                "outcome": one.outcome.name,
                "commit_id": one.commit_id.hex(),
                "uuid": str(transaction_uuid(one.commit_id)),
            }
            for decision, one in proof.decided.items()
        ],
        "branch": proof.branch.name if proof.branch is not None else None,
        "bond_branch": proof.bond_branch.name if proof.bond_branch is not None else None,
        "came_to_nothing": proof.came_to_nothing,
        "house_owes": [
            {
                "role": one.role.name,
                "node": one.node.hex(),
                "alias": one.alias,
                "account": one.account.hex(),
                "amount": one.amount,
            }
            for one in owed(proof)
        ],
        "proves": whole(proof),
        "missing": missing(proof),
        "does_not_prove": NOT_PROVEN,
    }


def _show(proof: Proof) -> None:
    """The outcome first, then what the house owes, then how all of it follows."""
    offer = proof.offer
    say(headline(proof))
    facts((("sale", proof.sale.hex()), ("thing", offer.thing), ("house", offer.house.hex())))
    due = owed(proof)
    if due:
        signed = "has signed that it owes" if proof.promised else "owes by the contract"
        say(f"The house {signed}, bonds of votes aside:")
        brand = offer.described.brand.name
        rows = [(o.role.name.lower(), o.alias, o.account.hex(), f"{o.amount} {brand}") for o in due]
        table(("to", "who", "account", ">amount"), rows, "")
    say("It proves:")
    for line in whole(proof):
        say(f"  - {line}")
    lacks = missing(proof)
    if lacks:
        say("Missing to prove more:")
    for line in lacks:
        say(f"  - {line}")
    say("It does not prove:")
    for line in NOT_PROVEN:
        say(f"  - {line}")
