"""NAME=VALUE on the command line, and whom a seat means: a card file, a card, me, or an alias."""

from collections.abc import Sequence
from pathlib import Path

from node.command.argument_types import text_or_file
from node.command.exit_status import UNUSABLE, fail, plain
from node.command.line import CARD, MAX_CARD_CHARS
from node.escrow.faults import SHOWN_CHARS
from proto.card import CARD_PREFIX


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """Each NAME=VALUE once. Ends the command where one is no such pair."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            fail(UNUSABLE, f"{option} {plain(one)[:SHOWN_CHARS]}: say NAME=VALUE")
        if name in found:
            fail(UNUSABLE, f"{option} {plain(name)[:SHOWN_CHARS]}: said twice")
        found[name] = value
    return found


def settings(option: str, given: Sequence[str]) -> dict[str, str]:
    """What fills in wildcards; a registrar may be named by its card file, which is read here."""
    return {
        name: whom(text) if text.endswith(".card") else text
        for name, text in pairs(option, given).items()
    }


def whom(named: str) -> str:
    """The text of a card in a file of that name; else what was said, for the node to look up."""
    if named.startswith(CARD_PREFIX):
        return named
    if named == "-" or Path(named).is_file():
        return text_or_file(named, CARD_PREFIX, CARD, MAX_CARD_CHARS)
    if "/" in named or named.endswith(".card"):
        fail(UNUSABLE, f"{plain(named)[:SHOWN_CHARS]}: no such file: ask for a `node card`")
    return named
