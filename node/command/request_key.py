"""`pledgeway request countersign` and `requester-key`: a shop that asks in a payee's name."""

import json
import os
import time
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import (
    PATH,
    read_file,
    require_new_file,
    text_or_file,
    write_new_file,
)
from node.command.display import say
from node.command.exit_status import REFUSED, UNUSABLE, fail
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import MAX_REQUEST_BYTES
from proto.request import (
    REQUEST_PREFIX,
    countersign,
    from_text,
    payee_signed,
    read_request,
    to_text,
)
from proto.wire import WireFault

MAX_KEY_FILE_BYTES: Final = 256  # 64 hex digits and a line end; a mistaken path is not read whole
MAX_TEXT: Final = 2 * MAX_REQUEST_BYTES  # base64 of the largest one, and room


@click.group("requester-key")
def requester_key() -> None:
    """Keys of a requester: a shop or a script that asks for money which a payee is to get.

    The payee names the public key in the request (`request create --requester KEY:NAME`); the
    requester signs with the secret one (`request countersign`).

    \b
    Example:
      pledgeway request requester-key new shop.key
    """


@requester_key.command("new")
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def new(file: Path, as_json: bool) -> None:
    """Make a key and write it to a new FILE, which nobody but you may read.

    FILE holds the secret seed as 64 hex digits. The public key is printed: it is what a payee names
    and what a payer's node knows the requester by.

    Exit status: 0 done; 2 FILE exists already or cannot be written.

    \b
    Example:
      pledgeway request requester-key new shop.key
      pledgeway request create 700 USD --requester KEY:"Lamp shop" --out invoice.txt
    """
    require_new_file(file)
    key = SigningKey(os.urandom(KEY_BYTES))
    try:
        _write_secret(file, key.seed.hex().encode() + b"\n")
    except OSError as error:
        fail(UNUSABLE, f"{file}: cannot be written: {error.strerror}")
    public = key.public.hex()
    click.echo(json.dumps({"key": public}) if as_json else public)


def _write_secret(file: Path, data: bytes) -> None:
    """Never readable by others, not even for the moment before it is filled. OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)


@click.command("countersign")
@click.argument("request", metavar="REQUEST|FILE")
@click.option("--key", "key_file", required=True, metavar="FILE", help="The requester's key file.")
@click.option("--out", type=PATH, help="Write the text to a new FILE.", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def countersign_(request: str, key_file: str, out: Path | None, as_json: bool) -> None:
    """Sign a REQUEST as the requester that its payee names: its text, or a FILE that holds it.

    A payer pays a request that names a requester only with both signatures. No node is asked.

    Exit status: 0 done; 1 the request names no requester, or another key; 2 unusable input.

    \b
    Example:
      pledgeway request countersign invoice.txt --key shop.key --out asked.txt
    """
    require_new_file(out)
    text = text_or_file(request, REQUEST_PREFIX, "payment request", MAX_TEXT)
    key = _read_key(key_file)
    try:
        signed, before = payee_signed(from_text(text))
        named = read_request(signed, time.time_ns() // 1000).requester
    except WireFault as fault:
        fail(UNUSABLE, f"not a payment request that can be signed: {fault}")
    if before:
        fail(REFUSED, f"key {before.hex()} has signed it already: it needs no further signature")
    if named is None:
        fail(REFUSED, "the payee names no requester: it has to say `--requester KEY:NAME` first")
    if named.key != key.public:
        fail(REFUSED, f"the payee names key {named.key.hex()}; {key_file} has {key.public.hex()}")
    whole = to_text(countersign(key, signed))
    if out is not None:
        try:
            write_new_file(out, whole.encode() + b"\n")
        except OSError as error:
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    if as_json:
        click.echo(json.dumps({"text": whole, "key": key.public.hex()}))
    else:
        say(whole if out is None else f"The payer says: pledgeway pay {out}")


def _read_key(name: str) -> SigningKey:
    data = read_file(name, "key", MAX_KEY_FILE_BYTES)
    try:
        return SigningKey(bytes.fromhex(data.decode().strip()))
    except ValueError:
        # Its content is not shown: it may be a key after all.
        fail(UNUSABLE, f"{name}: not a key, which is 64 hex digits")
