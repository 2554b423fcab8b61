"""The log of a hand-over: whoever changes, cuts, lengthens or moves it is found out."""

from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest

from node.sale.evidence_log import (
    LogBreak,
    LogEntry,
    LogFault,
    LogFull,
    LogKind,
    append,
    check,
    decode_entry,
    head,
    places,
)
from proto.sale.letters import MAX_LOG_ENTRIES, MAX_LOG_ENTRY_BYTES
from proto.wire import WireFault

SALE, OTHER = b"s" * 16, b"t" * 16
FIRST_US = 1_790_000_000_000_000
STEPS = (
    (LogKind.RECEIVED, b"first try"),
    (LogKind.REFUSED, b"first try"),
    (LogKind.RECEIVED, b"second try"),
    (LogKind.CHECKED, b"second try"),
    (LogKind.CHANGED, b"second try"),
    (LogKind.RESEALED, b"to the buyer"),
)


def made(sale: bytes = SALE, steps: tuple[tuple[LogKind, bytes], ...] = STEPS) -> tuple[bytes, ...]:
    log: tuple[bytes, ...] = ()
    for no, (kind, ciphertext) in enumerate(steps):
        log = append(sale, log, kind, ciphertext, FIRST_US + no)
    return log


LOG = made()
HEAD = head(SALE, LOG)
LONGER = append(SALE, LOG, LogKind.CHECKED, b"more", FIRST_US + 9)


def test_a_whole_log() -> None:
    assert check(SALE, LOG, HEAD) is None
    assert check(SALE, (), head(SALE, ())) is None
    assert [decode_entry(entry).kind for entry in LOG] == [kind for kind, _ in STEPS]
    assert max(map(len, LOG)) <= MAX_LOG_ENTRY_BYTES


def test_a_ciphertext_is_found_where_it_was() -> None:
    found = places(LOG, b"second try")
    assert [(index, entry.kind) for index, entry in found] == [
        (2, LogKind.RECEIVED),
        (3, LogKind.CHECKED),
        (4, LogKind.CHANGED),
    ]
    assert found[0][1].at_us == FIRST_US + 2
    assert places(LOG, b"third try") == ()


def test_each_changed_byte_is_found_no_later_than_in_the_entry_after_it() -> None:
    draw = Random("log")
    for index, entry in enumerate(LOG):
        for at in range(len(entry)):
            bad = bytearray(entry)
            bad[at] ^= 1 << draw.randrange(8)
            fault = check(SALE, (*LOG[:index], bytes(bad), *LOG[index + 1 :]), HEAD)
            assert fault is not None and index <= fault.index <= index + 1, (index, at)


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        (LOG[:-1], LogFault(5, LogBreak.OTHER_HEAD)),
        ((), LogFault(0, LogBreak.OTHER_HEAD)),
        (LOG[1:], LogFault(0, LogBreak.UNCHAINED)),
        ((*LOG[:2], *LOG[3:]), LogFault(2, LogBreak.UNCHAINED)),
        ((LOG[0], LOG[0], *LOG[1:]), LogFault(1, LogBreak.UNCHAINED)),
        ((LOG[1], LOG[0], *LOG[2:]), LogFault(0, LogBreak.UNCHAINED)),
        ((*LOG[:3], LOG[3][:-1], *LOG[4:]), LogFault(3, LogBreak.MALFORMED)),
        ((*LOG[:3], LOG[3] + b"\0", *LOG[4:]), LogFault(3, LogBreak.MALFORMED)),
        (LONGER, LogFault(7, LogBreak.OTHER_HEAD)),
        (made(OTHER), LogFault(0, LogBreak.UNCHAINED)),
        (made(steps=STEPS[2:]), LogFault(4, LogBreak.OTHER_HEAD)),  # a history without the failure
        (LOG * 11, LogFault(MAX_LOG_ENTRIES, LogBreak.TOO_LONG)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(log: tuple[bytes, ...], fault: LogFault) -> None:
    assert check(SALE, log, HEAD) == fault


def test_times_do_not_go_back() -> None:
    late = append(SALE, LOG, LogKind.CHECKED, b"x", FIRST_US - 10**9)
    assert decode_entry(late[-1]).at_us == FIRST_US + 5
    assert check(SALE, late, head(SALE, late)) is None
    entry = replace(decode_entry(late[-1]), at_us=FIRST_US)
    forged = (*LOG, entry.encode())
    assert check(SALE, forged, head(SALE, forged)) == LogFault(6, LogBreak.BACKWARDS)


def test_a_log_ends_somewhere() -> None:
    log: tuple[bytes, ...] = ()
    for _ in range(MAX_LOG_ENTRIES):
        log = append(SALE, log, LogKind.RECEIVED, b"again", FIRST_US)
    assert check(SALE, log, head(SALE, log)) is None
    with pytest.raises(LogFull, match="at most 64"):
        append(SALE, log, LogKind.RECEIVED, b"again", FIRST_US)


ENTRY = LOG[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ENTRY[:-1],
        ENTRY + b"\0",
        b"\2" + ENTRY[1:],
        ENTRY[:33] + b"\0" + ENTRY[34:],
        ENTRY[:33] + b"\6" + ENTRY[34:],
        ENTRY[:-8] + bytes(8),
        ENTRY[:-8] + b"\xff" * 8,
    ],
)
def test_what_is_no_entry(data: bytes) -> None:
    with pytest.raises(WireFault, match="an entry of a log"):
        decode_entry(data)


def test_one_content_has_one_form() -> None:
    for entry in LOG:
        assert decode_entry(entry).encode() == entry
    assert decode_entry(ENTRY) == LogEntry(
        head(SALE, ()), LogKind.RECEIVED, sha256(b"first try").digest(), FIRST_US
    )
