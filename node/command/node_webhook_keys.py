"""`pledgeway node webhook-keys`: what receivers of a node's webhooks check them with."""

import json
from pathlib import Path

import click

from node.command.exit_status import UNUSABLE, fail
from node.command.session import DEFAULT_SHOWN, ENVIRONMENT, default_directory


@click.command("webhook-keys", epilog="Exit status: 0 printed; 2 unusable input.")
@click.option(
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    metavar="DIR",
    help=f"Whose keys; it need not run.  [default: {ENVIRONMENT}, else {DEFAULT_SHOWN}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def node_webhook_keys(directory: Path | None, as_json: bool) -> None:
    """Print the public keys that sign this node's webhooks, the newest first.

    Receivers find them below its page as well: at /.well-known/pledgeway. For a new key raise
    webhook_key in the section [page] of config.toml by one and restart the node: the old key signs
    beside it until you do so again. By two, where somebody else may have the old one.

    \b
    Example:
      pledgeway node webhook-keys --node ./bank
    """
    # Here, because keys come with gRPC, and --help is to answer at once.
    from node.config import CONFIG_NAME, ConfigFault, read_config
    from node.people.notifying import signing_keys
    from proto.webhook import public_text
    from runtime.identity import IdentityFault, load_identity

    home = default_directory() if directory is None else directory.expanduser()
    try:
        number = read_config(home / CONFIG_NAME).page.webhook_key
        keys = signing_keys(load_identity(home).key.seed, number)
    except (IdentityFault, ConfigFault) as fault:
        fail(UNUSABLE, str(fault))
    texts = [public_text(key.public) for key in keys]
    if as_json:
        click.echo(json.dumps({"number": number, "keys": texts}))
        return
    for text in texts:
        click.echo(text)
