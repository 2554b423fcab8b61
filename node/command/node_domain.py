"""`pledgeway node domain-proof`: what a domain has to show so that payers see it is the node's."""

import json
import time
from pathlib import Path
from typing import Final

import click

from node.command.exit_status import UNUSABLE, fail
from node.command.session import DEFAULT_SHOWN, ENVIRONMENT, default_directory
from proto.domain import (
    MAX_DOCUMENT_BYTES,
    MAX_PROOFS,
    WELL_KNOWN,
    domain_document,
    read_domain_document,
    read_domain_proof,
    sign_domain_proof,
)
from proto.keys import NodeId
from proto.request_parts import is_domain
from proto.wire import WireFault

DAY_US: Final = 86_400_000_000
DEFAULT_DAYS: Final = 365
MAX_DAYS: Final = 3650  # taking the file away ends it at any time


@click.command("domain-proof", epilog="Exit status: 0 printed; 2 unusable input.")
@click.argument("domain")
@click.option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=DEFAULT_DAYS,
    show_default=True,
    help="How long it is good for.",
)
@click.option(
    "--beside",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the domain shows now: the proofs of other nodes in it are kept.",
)
@click.option(
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    metavar="DIR",
    help=f"Whose proof; it need not run.  [default: {ENVIRONMENT}, else {DEFAULT_SHOWN}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the place.")
def node_domain_proof(
    domain: str, days: int, beside: Path | None, directory: Path | None, as_json: bool
) -> None:
    """Print the JSON that shows that DOMAIN is this node's.

    Put it at https://DOMAIN/.well-known/pledgeway. Payers' nodes that find it there show DOMAIN as
    verified beside your requests; they look again every day. Renew it before its time ends, and
    take it away when the domain is not yours any more.

    \b
    Example:
      pledgeway node domain-proof shop.example --node ./bob \\
          > /var/www/shop.example/.well-known/pledgeway
    """
    # Here, because keys come with gRPC, and --help is to answer at once.
    from runtime.identity import IdentityFault, load_identity

    name = domain.lower().removesuffix(".")
    if not is_domain(name) or "." not in name:
        fail(
            UNUSABLE,
            f"{domain[:80]}: not a domain: name it as in shop.example, without https:// or a path;"
            " other scripts in their xn-- form",
        )
    home = default_directory() if directory is None else directory.expanduser()
    try:
        key = load_identity(home).key
    except IdentityFault as fault:
        fail(UNUSABLE, str(fault))
    others = [] if beside is None else _others(beside, key.node_id)
    until_us = time.time_ns() // 1000 + days * DAY_US
    document = domain_document([*others, sign_domain_proof(key, name, until_us)])
    url = f"https://{name}{WELL_KNOWN}"
    if as_json:
        said = {"domain": name, "url": url, "until_us": until_us, "document": json.loads(document)}
        click.echo(json.dumps(said))
        return
    click.echo(document, nl=False)
    click.echo(f"Put it at {url}", err=True)


def _others(path: Path, own: NodeId) -> list[bytes]:
    """The proofs in it that can still be read, without this node's own."""
    try:
        with path.open("rb") as file:
            proofs = read_domain_document(file.read(MAX_DOCUMENT_BYTES + 1))
    except OSError as error:
        fail(UNUSABLE, f"{path}: cannot be read: {error.strerror}")
    except WireFault as fault:
        fail(UNUSABLE, f"{path}: {fault}")
    kept = [proof for proof in proofs if _of_another(proof, own)]
    if len(kept) >= MAX_PROOFS:
        fail(UNUSABLE, f"{path}: a domain has at most {MAX_PROOFS} nodes: take one out")
    return kept


def _of_another(proof: bytes, own: NodeId) -> bool:
    try:
        return read_domain_proof(proof).node != own
    except WireFault:
        return False
