"""Requests brought to a payer's node: who may bring them, where to, and when."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from proto.envelope import Envelope, sign_batch
from proto.keys import NodeId
from proto.request import countersign, sign_request
from proto.request_parts import Requester
from proto.submission import (
    MAX_SUBMISSION_BYTES,
    SENT_TOLERANCE_US,
    SUBMISSION_KIND,
    Submission,
    read_submission,
    sign_submission,
)
from proto.wire import Untimely, WireFault
from tests.proto.test_request import PAYEE, REQUEST

SHOP, STRANGER = signing_key("shop"), signing_key("stranger")
NODE = NodeId(digest("the payer's node"))
ASKED = replace(REQUEST, requester=Requester(SHOP.public, "A shop"), audience=NODE)
OF_SHOP = countersign(SHOP, sign_request(PAYEE, ASKED))
OF_PAYEE = sign_request(PAYEE, REQUEST)
SENT = Submission(OF_SHOP, "Alice", b"n" * 32, "cart 7", NOW_US, NODE)
GOOD = sign_submission(SHOP, SENT)


def test_of_a_requester() -> None:
    found = read_submission(GOOD, NODE, NOW_US)
    assert (found.submission, found.by) == (SENT, SHOP.public)
    assert found.request == ASKED and found.signed == sign_request(PAYEE, ASKED)


def test_of_a_payee_that_asks_itself() -> None:
    mine = replace(SENT, request=OF_PAYEE, payer="", state="")
    found = read_submission(sign_submission(PAYEE, mine), NODE, NOW_US)
    assert (found.submission, found.by, found.request) == (mine, PAYEE.public, REQUEST)


def test_of_a_payee_that_names_itself() -> None:
    named = replace(REQUEST, requester=Requester(PAYEE.public, "Bea"))
    mine = replace(SENT, request=sign_request(PAYEE, named))
    assert read_submission(sign_submission(PAYEE, mine), NODE, NOW_US).by == PAYEE.public


def test_in_a_batch() -> None:
    proofs = sign_batch(SHOP, [(SUBMISSION_KIND, SENT.encode()), ("other", b"x")])
    data = Envelope(SUBMISSION_KIND, SENT.encode(), proofs[0]).encode()
    assert read_submission(data, NODE, NOW_US).by == SHOP.public


FAULTS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a stranger brings it", lambda: sign_submission(STRANGER, SENT)),
    ("the payee brings what its requester has to", lambda: sign_submission(PAYEE, SENT)),
    (
        "the requester did not sign the request",
        lambda: sign_submission(SHOP, replace(SENT, request=sign_request(PAYEE, ASKED))),
    ),
    (
        "another requester signed the request",
        lambda: sign_submission(
            SHOP, replace(SENT, request=countersign(STRANGER, sign_request(PAYEE, ASKED)))
        ),
    ),
    (
        "a requester whom the payee does not name",
        lambda: sign_submission(SHOP, replace(SENT, request=countersign(SHOP, OF_PAYEE))),
    ),
    ("no request", lambda: sign_submission(SHOP, replace(SENT, request=b""))),
    ("another node", lambda: sign_submission(SHOP, replace(SENT, audience=NodeId(b"x" * 32)))),
    ("no node", lambda: sign_submission(SHOP, replace(SENT, audience=NodeId(b"")))),
    ("short nonce", lambda: sign_submission(SHOP, replace(SENT, nonce=b"n" * 31))),
    ("long state", lambda: sign_submission(SHOP, replace(SENT, state="x" * 129))),
    ("state of two lines", lambda: sign_submission(SHOP, replace(SENT, state="a\nb"))),
    ("long payer", lambda: sign_submission(SHOP, replace(SENT, payer="x" * 65))),
    ("payer repaints", lambda: sign_submission(SHOP, replace(SENT, payer="\x1b[2J"))),
    ("before 1970", lambda: sign_submission(SHOP, replace(SENT, sent_at_us=-1))),
    ("no envelope", lambda: b"hello"),
    ("another kind", lambda: Envelope.seal(SHOP, "pledgeway/x/v1", SENT.encode()).encode()),
    ("too long", lambda: GOOD + bytes(MAX_SUBMISSION_BYTES)),
    (
        "another form",
        lambda: Envelope.seal(SHOP, SUBMISSION_KIND, SENT.encode() + b"\xf8\x01\x01").encode(),
    ),
)


@pytest.mark.parametrize("make", [f[1] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(WireFault) as found:
        read_submission(make(), NODE, NOW_US)
    assert not isinstance(found.value, Untimely)


@pytest.mark.parametrize("way", [-1, 1])
def test_five_minutes_either_way(way: int) -> None:
    assert read_submission(GOOD, NODE, NOW_US + way * SENT_TOLERANCE_US)
    with pytest.raises(Untimely) as found:
        read_submission(GOOD, NODE, NOW_US + way * (SENT_TOLERANCE_US + 1))
    assert found.value.expired is (way == 1)


def test_one_that_has_expired_is_read() -> None:
    old = sign_request(PAYEE, replace(REQUEST, expires_at_us=NOW_US - SECOND))
    sent = sign_submission(PAYEE, replace(SENT, request=old))
    assert read_submission(sent, NODE, NOW_US).request.expires_at_us < NOW_US


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, by: int) -> None:
    """But where the change says the same, as in a number written otherwise."""
    changed = GOOD[:at] + bytes((GOOD[at] ^ by,)) + GOOD[at + 1 :]
    try:
        found = read_submission(changed, NODE, NOW_US)
    except WireFault:
        return
    assert (found.submission, found.by) == (SENT, SHOP.public)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(WireFault):
        read_submission(data, NODE, NOW_US)
    with pytest.raises(WireFault):
        read_submission(Envelope.seal(SHOP, SUBMISSION_KIND, data).encode(), NODE, NOW_US)
