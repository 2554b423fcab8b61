"""How a credential gets in: from a file, from standard input, or typed where nobody can see it.

Never as a word of the command line, which every process of the machine can read and which shells
keep. What is read is used as it is, byte for byte, since it may be the file of a key.
"""

import os
import stat
import sys
import warnings
from collections.abc import Callable
from getpass import GetPassWarning, getpass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from node.command.exit_status import UNUSABLE, fail, plain
from node.sale.handover import credential_fault
from proto.sale.letters import MAX_CREDENTIAL_BYTES

OPTION: Final = "--credential-file"
STANDARD_INPUT: Final = "-"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
F = TypeVar("F", bound=Callable[..., Any])


def credential_option(command: F) -> F:
    """Adds --credential-file FILE|-, as `credential_file: str | None`, for `read_credential`."""
    return click.option(
        OPTION,
        metavar="FILE|-",
        help="Read the credential from FILE, or with - from standard input, as it is. Without it"
        " you are asked, and what you type is not shown. At most"
        f" {MAX_CREDENTIAL_BYTES} bytes; see that others cannot read FILE.",
    )(command)


def read_credential(named: str | None, prompt: str = "Credential") -> bytes:
    """What the user hands over, 1 to MAX_CREDENTIAL_BYTES bytes. `named`: what --credential-file
    was given. Ends the command with one line where there is none that can be used."""
    if named == STANDARD_INPUT:
        found = _from_input()
    elif named is not None:
        found = _from_file(Path(named))
    else:
        found = _typed(prompt)
    if fault := credential_fault(found):
        fail(UNUSABLE, f"{fault}: nothing was sent")
    return found


def _from_input() -> bytes:
    if sys.stdin.isatty():
        fail(
            UNUSABLE,
            f"{OPTION} -: standard input is this terminal, which would show what you type:"
            " leave the option out to be asked",
        )
    return sys.stdin.buffer.read(MAX_CREDENTIAL_BYTES + 1)


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of what is read, whatever it is named now
            data = file.read(MAX_CREDENTIAL_BYTES + 1)
    except (FileNotFoundError, ValueError):
        # Not its name: whoever took this for the place of the password itself would see it here,
        # and so would the log of whatever runs the command.
        fail(UNUSABLE, f"{OPTION}: no such file: it takes a file's name, not the credential itself")
    except OSError as error:
        fail(UNUSABLE, f"{path}: cannot be read: {error.strerror}")
    if stat.S_ISREG(mode) and mode & OTHERS:
        told = f"others on this machine may read it (mode {stat.S_IMODE(mode):03o})"
        advice = "run chmod 600 on it, and delete it when it is handed over"
        click.echo(f"pledgeway: warning: {plain(path)}: {told}: {advice}", err=True)
    return data


def _typed(prompt: str) -> bytes:
    if not sys.stdin.isatty():
        fail(
            UNUSABLE,
            f"no terminal to ask for the credential: give {OPTION} FILE, or - for standard input",
        )
    first = _hidden(f"{prompt} (not shown): ")
    if first != _hidden("Again: "):
        fail(UNUSABLE, "the two are not the same: nothing was sent")
    return first.encode("utf-8", "surrogateescape")


def _hidden(prompt: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        try:
            return getpass(prompt)
        except GetPassWarning:
            fail(
                UNUSABLE,
                f"this terminal would show what you type: give {OPTION} FILE, or -",
            )
        except EOFError:
            fail(UNUSABLE, "nothing was typed: nothing was sent")
