"""A proof of control is found in whatever a page has made of it, and named if it is another."""

import html
import json
import time
from collections.abc import Callable
from random import Random
from textwrap import wrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.sale.control_text import BODY_CHARS, MAX_PAGE_BYTES, Found, Verdict, find_control
from proto.keys import SigningKey
from proto.sale.handover import (
    CONTROL_PREFIX,
    MAX_CONTROL_BYTES,
    ControlProof,
    control_line,
    sign_control,
)

BUYER, STRANGER = SigningKey(b"b" * 32), SigningKey(b"x" * 32)
LOCK, CHALLENGE = b"l" * 32, b"c" * 16
WANTED = ControlProof(LOCK, CHALLENGE, BUYER.public)
SIGNED = sign_control(BUYER, LOCK, CHALLENGE)
LINE = control_line(SIGNED)
OTHER_SALE = control_line(sign_control(BUYER, b"m" * 32, CHALLENGE))
OTHER_CHALLENGE = control_line(sign_control(BUYER, LOCK, b"d" * 16))
OTHER_KEY = control_line(sign_control(STRANGER, LOCK, CHALLENGE))
BROKEN = LINE[:-30]
FORGED = LINE[:200] + ("A" if LINE[200] != "A" else "B") + LINE[201:]


def find(page: str | bytes) -> Verdict:
    return find_control(page.encode() if isinstance(page, str) else page, WANTED).verdict


def every(text: str, n: int, between: str) -> str:
    return between.join(text[i : i + n] for i in range(0, len(text), n))


PAGES: dict[str, Callable[[str], str]] = {
    "alone": lambda line: line,
    "in a sentence": lambda line: f"Mine since May: {line}. Ask me.",
    "glued": lambda line: f"mine:{line}and more",
    "wrapped": lambda line: "\n".join(wrap(line, 60)),
    "wrapped, mail of Windows": lambda line: "\r\n".join(wrap(line, 76)),
    "spaces": lambda line: every(line, 5, " "),
    "quoted mail": lambda line: "\n".join("> > " + part for part in wrap(line, 60)),
    "quoted-printable": lambda line: every(line, 70, "=\r\n"),
    "capital": lambda line: line[0].upper() + line[1:],
    "paragraph": lambda line: f"<p>Hello</p><p class='a'>{line}</p>",
    "break hints": lambda line: every(line, 20, "<wbr>"),
    "line breaks": lambda line: every(line, 40, "<br/>\n  "),
    "spans": lambda line: every(line, 30, "</span><span class='x-1'>"),
    "nested": lambda line: f"<div><b>{line[:30]}</b><i><u>{line[30:99]}</u></i>{line[99:]}</div>",
    "comments of a framework": lambda line: every(line, 50, "<!-- / -->"),
    "in a comment": lambda line: f"<html><!-- {line} --><body>nothing</body></html>",
    "in an attribute": lambda line: f'<meta name="pledgeway" content="{line}">',
    "attribute without quotes": lambda line: f"<meta content={line}>",
    "numbered entities": lambda line: "".join(f"&#{ord(c)};" for c in line),
    "hexadecimal entities": lambda line: "".join(f"&#x{ord(c):X};" for c in line),
    "named entities": lambda line: line.replace(":", "&colon;").replace("_", "&lowbar;"),
    "soft hyphens": lambda line: every(line, 9, "&shy;"),
    "shown HTML": lambda line: html.escape(html.escape(every(line, 30, "<wbr>"))),
    "zero width": lambda line: every(line, 7, "\u200b\u2060\ufeff\u00ad"),
    "other hyphens": lambda line: line.replace("-", "\N{NON-BREAKING HYPHEN}"),
    "markdown code": lambda line: f"```\n{line}\n```",
    "markdown": lambda line: line.replace("_", "\\_"),
    "JSON": lambda line: json.dumps({"about": every(line, 40, "\n")}),
    "JSON of HTML": lambda line: json.dumps(every(line, 40, "<br>")).replace("<", "\\u003c"),
    "DNS record": lambda line: f'x. 300 IN TXT "{line[:255]}" "{line[255:]}"',
    "twice": lambda line: line + line,
    "behind a broken one": lambda line: f"{BROKEN}\n{line}",
    "behind others": lambda line: "\n".join((OTHER_SALE, OTHER_KEY, OTHER_CHALLENGE, line)),
    "before others": lambda line: "<br>".join((line, OTHER_SALE, FORGED)),
    "behind an open tag": lambda line: f"a < b, {line}",
    "behind an open comment": lambda line: f"<!-- {line}",
    "behind a huge entity": lambda line: f"&#{'9' * 5000};{line}",
    "behind a lone surrogate": lambda line: f"\\ud800{line}",
}


@pytest.mark.parametrize("name", PAGES)
def test_it_is_found(name: str) -> None:
    found = find_control(PAGES[name](LINE).encode(), WANTED)
    assert found == Found(Verdict.FOUND, SIGNED)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "latin-1"])
def test_it_is_found_in_other_codings(coding: str, name: str) -> None:
    page = PAGES[name](LINE).encode(coding, "replace")
    lost = coding == "latin-1" and name in ("other hyphens",)
    assert (find(page) is Verdict.FOUND) != lost


def test_two_dashes_that_typography_made_one() -> None:
    """A sale whose line has two in a row: every fifteenth has."""
    for n in range(100):
        lock = bytes([n]) * 32
        line = control_line(sign_control(BUYER, lock, CHALLENGE))
        if "--" in line:
            break
    else:
        pytest.fail("no line with two dashes")
    wanted = ControlProof(lock, CHALLENGE, BUYER.public)
    for dash in "\N{EN DASH}\N{EM DASH}":
        page = line.replace("--", dash).encode()
        assert find_control(page, wanted).verdict is Verdict.FOUND


@pytest.mark.parametrize(
    ("page", "verdict"),
    [
        ("", Verdict.NOT_FOUND),
        ("nothing here", Verdict.NOT_FOUND),
        (LINE.removeprefix(CONTROL_PREFIX), Verdict.NOT_FOUND),
        (OTHER_SALE, Verdict.OTHER_SALE),
        (OTHER_CHALLENGE, Verdict.OTHER_CHALLENGE),
        (OTHER_KEY, Verdict.OTHER_KEY),
        (f"{OTHER_SALE} {OTHER_KEY} {OTHER_CHALLENGE}", Verdict.OTHER_CHALLENGE),
        (f"{OTHER_SALE} {OTHER_KEY}", Verdict.OTHER_KEY),
        (every(OTHER_SALE, 30, "<wbr>"), Verdict.OTHER_SALE),
        (every(OTHER_KEY, 30, "&shy;"), Verdict.OTHER_KEY),
        (BROKEN, Verdict.BROKEN),
        (FORGED, Verdict.BROKEN),
        (f"{OTHER_SALE}\n{BROKEN}", Verdict.BROKEN),
        ("post the line pledgeway-control:... there", Verdict.BROKEN),
        (CONTROL_PREFIX, Verdict.BROKEN),
        (CONTROL_PREFIX + "A" * BODY_CHARS, Verdict.BROKEN),
        (LINE.lower(), Verdict.BROKEN),
    ],
)
def test_what_it_is_instead(page: str, verdict: Verdict) -> None:
    assert find(page) is verdict
    assert find_control(page.encode(), WANTED).signed == b""


def test_others_cannot_make_it() -> None:
    """The content of the right proof, signed by a stranger, in his or in the buyer's name."""
    stolen = control_line(SIGNED[:-64] + sign_control(STRANGER, LOCK, CHALLENGE)[-64:])
    assert len(stolen) == len(LINE)
    assert find(stolen) is Verdict.BROKEN


def test_what_is_read_has_an_end() -> None:
    before = "x" * (MAX_PAGE_BYTES - len(LINE))
    assert find(before + LINE + "x" * 1000) is Verdict.FOUND
    assert find("x" + before + LINE) is Verdict.BROKEN
    assert find("x" * MAX_PAGE_BYTES + LINE) is Verdict.NOT_FOUND
    assert len(LINE) < MAX_CONTROL_BYTES


HOSTILE = {
    "open comments": "<!--",
    "open tags": "<",
    "an open tag": "a",
    "entities": "&#",
    "numbers": "9",
    "hexadecimal": "&#xfffffffff",
    "escapes": "\\u",
    "prefixes": CONTROL_PREFIX,
    "almost proofs": CONTROL_PREFIX + "A" * (BODY_CHARS - 1),
    "forged ones": CONTROL_PREFIX + "A" * BODY_CHARS,
    "empty comments": "<!---->",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_cannot_keep_the_reader_busy(name: str) -> None:
    """Anything that grew with the square of the page would take hours; the CPU is measured, and
    the limit is far from what a slow machine needs."""
    fill = HOSTILE[name]
    page = ("<&#" + fill * (MAX_PAGE_BYTES // len(fill))).encode()
    began = time.process_time()
    assert find(page) in (Verdict.BROKEN, Verdict.NOT_FOUND)
    assert time.process_time() - began < 20


def test_decoys_do_not_hide_it() -> None:
    """Nearly every byte of a page is a proof of somebody's, the last one is ours."""
    keys = [SigningKey(bytes([n]) * 32) for n in range(100, 140)]
    lines = [control_line(sign_control(key, LOCK, CHALLENGE)) for key in keys]
    assert find("".join(lines * 50) + LINE) is Verdict.FOUND
    assert find("".join(lines * 50)) is Verdict.OTHER_KEY


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.integers(0, 300))
def test_nothing_makes_it_fail(noise: bytes, at: int) -> None:
    assert find(noise) in (Verdict.NOT_FOUND, Verdict.BROKEN)
    page = noise + LINE[:at].encode() + noise[:3] + LINE[at:].encode() + noise
    assert find(page) in Verdict


def test_junk_between_any_two_characters() -> None:
    """What holds no character of the line may stand anywhere in it."""
    draw = Random("junk")
    junk = ("\n", "<wbr>", "&shy;", " > ", "<!-- x -->", "</b>", "*", "\t", "&#8203;", "\u00ad")
    for _ in range(200):
        page = "".join(c + (draw.choice(junk) if draw.random() < 0.2 else "") for c in LINE)
        assert find(page) is Verdict.FOUND, page
