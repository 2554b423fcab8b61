"""`pledgeway registry root`: who the operators of a registry are, and how others follow them."""

import json
import os
import time
from pathlib import Path

import click

from node.command.argument_types import PATH
from node.command.display import say
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.registry_proposal import proposed, show_proposal
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import MAX_ROOT_KEYS
from registry.home import Home, HomeFault, key_text, read_key
from registry.key_change import with_root
from registry.next_record import propose
from runtime.tls import write_private


@click.group("root")
def registry_root() -> None:
    """Change the operators of a registry: its id stays, for the old ones sign the new ones in.

    \b
    Example, on each new operator's own machine:
      pledgeway registry root key operator-anna.key
    and then, where the registry is:
      pledgeway registry root rotate ./r1 --operator ANNA --operator BEN --threshold 2
    """


@registry_root.command()
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def key(file: Path, as_json: bool) -> None:
    """Show the public half of the operator's key in FILE; make one where FILE does not exist.

    The public half is what `root rotate --operator` takes. FILE never leaves its operator.

    \b
    Example:
      pledgeway registry root key operator-anna.key
    """
    try:
        if not file.exists():
            write_private(file, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        public = read_key(file).public.hex()
    except OSError as error:
        fail(REFUSED, f"{file}: cannot be written: {error.strerror}")
    except HomeFault as fault:
        fail(REFUSED, str(fault))
    click.echo(json.dumps({"key": public, "file": str(file)}) if as_json else public)


@registry_root.command()
@click.argument("directory", type=PATH, metavar="DIR")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="KEY",
    help="Public key of a new operator, in hex. Give it once for each; those who stay, too.",
)
@click.option(
    "--new",
    "count",
    type=click.IntRange(1, MAX_ROOT_KEYS),
    help="Make so many keys in DIR/root as well, to be handed out.",
)
@click.option(
    "--threshold",
    type=click.IntRange(1, MAX_ROOT_KEYS),
    help="How many of them must sign.  [default: more than half]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def rotate(
    directory: Path,
    operators: tuple[str, ...],
    count: int | None,
    threshold: int | None,
    as_json: bool,
) -> None:
    """Let other operators follow those of the registry in DIR.

    The new root is signed by enough of the old operators and of the new ones, and the new ones
    certify every key anew. Where that cannot be done here, the draft is passed round among all of
    them and the next step is shown. Records of the old operators count no more from then on.

    \b
    Example:
      pledgeway registry root rotate ./r1 --new 3 --threshold 2
    """
    keys = {_public(text) for text in operators}
    total = len(keys) + (count or 0)
    if not 1 <= total <= MAX_ROOT_KEYS or len(keys) != len(operators):
        fail(UNUSABLE, f"name 1 to {MAX_ROOT_KEYS} different operators by --operator or --new")
    needed = threshold if threshold is not None else total // 2 + 1
    if needed > total:
        fail(UNUSABLE, f"--threshold {needed} is more than {total} operators")
    home = Home(directory)
    made = _make_keys(home, count or 0)
    keys |= {key.public for key in made.values()}
    now_us = time.time_ns() // 1000
    proposal = proposed(
        lambda: propose(home, lambda record: with_root(record, keys, needed), now_us)
    )
    if made and not as_json:
        say("Root keys. Give each to its operator, offline:")
        for path in made:
            say(f"  {path}")
    show_proposal(home, proposal, as_json, root_keys=[str(path) for path in made])


def _make_keys(home: Home, count: int) -> dict[Path, SigningKey]:
    """New operators' keys beside those that are there, under names that are not taken."""
    made: dict[Path, SigningKey] = {}
    number = 1
    while len(made) < count:
        path = home.path / "root" / f"operator-{number}.key"
        number += 1
        if path.exists():
            continue
        key = SigningKey(os.urandom(KEY_BYTES))
        try:
            write_private(path, key_text(key))
        except OSError as error:
            fail(REFUSED, f"{path}: cannot be written: {error.strerror}")
        made[path] = key
    return made


def _public(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        fail(UNUSABLE, f"--operator {text!r}: 64 hex digits, as `registry root key` shows them")
    return key
