"""Finds the proof of control in whatever a public place has made of it.

The line is posted in a profile, a page or a record, and comes back wrapped, quoted, in tags, as
entities or in JSON. So all that is no character of the line is left out, and the page is read in
three ways: as it is, as HTML, and as HTML that shows HTML. A proof has one length: what is glued
to its end does no harm. Who does not hold the buyer's key cannot make a proof, and what else stands
on the page can neither hide a true one nor keep the reader busy: every step is linear in the page.
"""

import re
from dataclasses import dataclass
from enum import Enum, unique
from html import unescape
from typing import Final

from proto.keys import KEY_BYTES, SigningKey
from proto.sale.handover import (
    CHALLENGE_BYTES,
    CONTROL_PREFIX,
    ControlProof,
    control_line,
    from_control_line,
    read_control,
    sign_control,
)
from proto.sale.offer import HASH_BYTES
from proto.wire import WireFault

MAX_PAGE_BYTES: Final = 2 * 1024 * 1024  # of a page; one with its scripts has 1 MB
_EXAMPLE: Final = sign_control(SigningKey(bytes(KEY_BYTES)), bytes(HASH_BYTES), b"c" * 16)
BODY_CHARS: Final = len(control_line(_EXAMPLE)) - len(CONTROL_PREFIX)
"""Of every proof: all that is in it has a fixed length."""
assert CHALLENGE_BYTES == 16

_LINE: Final = re.compile(
    f"{re.escape(CONTROL_PREFIX)}([A-Za-z0-9_-]{{{BODY_CHARS}}})?", re.IGNORECASE
)
_JUNK: Final = re.compile(r"[^A-Za-z0-9_:-]+")
# No run of these goes over its own beginning again, so that a page full of them is read in one go.
_TAG: Final = re.compile(r"<[^<>]*>")
_ESCAPED_CHARACTER: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPED_BREAK: Final = re.compile(r"\\[nrt]")
# Python refuses to read a number of thousands of digits; no character has one of nine.
_LONG_ENTITY: Final = re.compile(r"&#[0-9]{9,};?")
_DASHES: Final = str.maketrans(
    {
        **dict.fromkeys("\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{MINUS SIGN}", "-"),
        # What typography makes of two, which stand in one line of fifteen.
        **dict.fromkeys("\N{EN DASH}\N{EM DASH}", "--"),
    }
)
_MARKS: Final = (
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


@unique
class Verdict(Enum):
    """What a page says of control. A closed list."""

    FOUND = "found"  # just the proof that is asked for
    OTHER_CHALLENGE = "other challenge"  # of this sale and buyer, for another challenge
    OTHER_KEY = "other key"  # of this sale, signed by somebody else than its buyer
    BROKEN = "broken"  # it begins like a proof, and none can be read
    OTHER_SALE = "other sale"  # true, and of another lock
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Found:
    """The verdict, and the signed statement where it is FOUND (else empty)."""

    verdict: Verdict
    signed: bytes = b""


def find_control(page: bytes, wanted: ControlProof) -> Found:
    """Looks for the proof of `wanted` in the first MAX_PAGE_BYTES of a page, as they came.

    Of several proofs the right one counts; where it is missing, the one that comes closest.
    """
    judged: dict[str, Found] = {}  # each text once: a signature takes time
    closest = []
    for text in _readings(_decoded(page[:MAX_PAGE_BYTES])):
        met = {Verdict.NOT_FOUND}
        for line in _LINE.finditer(_JUNK.sub("", text.translate(_DASHES))):
            body = line[1] or ""
            found = judged.get(body) or judged.setdefault(body, _judge(body, wanted))
            if found.verdict is Verdict.FOUND:
                return found
            met.add(found.verdict)
        closest.append(next(verdict for verdict in Verdict if verdict in met))
    # In one reading a broken proof may be the one that is looked for, and counts before that of
    # another sale; but it is no broken one if another reading makes sense of it.
    order = sorted(Verdict, key=lambda verdict: verdict in (Verdict.BROKEN, Verdict.NOT_FOUND))
    return Found(next(verdict for verdict in order if verdict in closest))


def _judge(body: str, wanted: ControlProof) -> Found:
    try:
        signed = from_control_line(CONTROL_PREFIX + body)
        said = read_control(signed)
    except WireFault:
        return Found(Verdict.BROKEN)
    if said == wanted:
        return Found(Verdict.FOUND, signed)
    if said.lock != wanted.lock:
        return Found(Verdict.OTHER_SALE)
    return Found(Verdict.OTHER_KEY if said.key != wanted.key else Verdict.OTHER_CHALLENGE)


def _decoded(page: bytes) -> str:
    """All that counts is ASCII, so that what else cannot be decoded does not matter."""
    for mark, encoding in _MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(encoding, "replace")
    return page.decode("utf-8", "replace")


def _readings(page: str) -> tuple[str, str, str]:
    """As it is; as a browser shows it; and as it would show what it shows."""
    raw = _ESCAPED_CHARACTER.sub(lambda found: chr(int(found[1], 16)), page)
    raw = _ESCAPED_BREAK.sub("", raw)
    shown = _unescaped(_without_tags(raw))
    return raw, shown, _without_tags(_unescaped(shown))


def _unescaped(text: str) -> str:
    return unescape(_LONG_ENTITY.sub("", text))


def _without_tags(text: str) -> str:
    # By hand: a search for the end of each comment would read a page of open ones again and again.
    first, *others = text.split("<!--")
    kept = [first] + [part.partition("-->")[2] for part in others]
    return _TAG.sub("", "".join(kept))
