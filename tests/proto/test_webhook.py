"""Signed calls: the vector of another implementation, every byte that counts, and keys as texts."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.keys import SigningKey
from proto.webhook import (
    ID_HEADER,
    MAX_BODY_BYTES,
    MAX_KEYS,
    MAX_SIGNATURES,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE_S,
    WebhookFault,
    WebhookWrong,
    public_text,
    read_public,
    read_secret,
    secret_text,
    sign_webhook,
    verify_webhook,
    webhook_key,
)

# A vector that other implementations of the standard share (Svix's, whose keys are of its form).
SECRET = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
BODY = b'{"test": 2432232314}'
SENT_S = 1_614_265_330
HEADERS = {
    ID_HEADER: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    TIMESTAMP_HEADER: str(SENT_S),
    SIGNATURE_HEADER: "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZ"
    "dpXwVLPo3mNl8EM+m7TBAg==",
}
KEY = read_secret(SECRET)
OLD, OTHER = SigningKey(b"o" * 32), SigningKey(b"x" * 32)


def wrong(headers: dict[str, str], body: bytes = BODY, now_s: int = SENT_S) -> WebhookWrong:
    with pytest.raises(WebhookFault) as found:
        verify_webhook(headers, body, [KEY.public], now_s)
    return found.value.why


def test_the_vector() -> None:
    assert sign_webhook([KEY], HEADERS[ID_HEADER], SENT_S, BODY) == HEADERS
    assert verify_webhook(HEADERS, BODY, [read_public(PUBLIC)], SENT_S) == BODY
    assert public_text(KEY.public) == PUBLIC and secret_text(KEY) == SECRET


def test_header_names_in_any_case() -> None:
    shouted = {name.upper(): value for name, value in HEADERS.items()}
    assert verify_webhook(shouted, BODY, [KEY.public], SENT_S) == BODY
    assert wrong(HEADERS | {"WEBHOOK-ID": "another"}) is WebhookWrong.HEADER_MALFORMED


@pytest.mark.parametrize("key", [KEY, OLD], ids=["new", "old"])
def test_rotation_is_seen_by_nobody(key: SigningKey) -> None:
    signed = sign_webhook([KEY, OLD], "msg_1", SENT_S, BODY)
    assert len(signed[SIGNATURE_HEADER].split(" ")) == 2
    assert verify_webhook(signed, BODY, [OTHER.public, key.public], SENT_S) == BODY


SIGNATURE = HEADERS[SIGNATURE_HEADER]
SIGNATURES = (
    ("v2,abc " + SIGNATURE, None),
    ("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= " + SIGNATURE, None),
    ("v1a,!!! v1a, v1a " + SIGNATURE, None),
    (" ".join(["v1a,AAAA"] * (MAX_SIGNATURES - 1)) + " " + SIGNATURE, None),
    (" ".join(["v1a,AAAA"] * MAX_SIGNATURES) + " " + SIGNATURE, WebhookWrong.HEADER_MALFORMED),
    ("x" * 1000 + " " + SIGNATURE, WebhookWrong.HEADER_MALFORMED),
    ("v1" + SIGNATURE.removeprefix("v1a"), WebhookWrong.NOT_SIGNED),
    ("v1A" + SIGNATURE.removeprefix("v1a"), WebhookWrong.NOT_SIGNED),
    (SIGNATURE.removeprefix("v1a,"), WebhookWrong.NOT_SIGNED),
    ("v1a," + b64encode(bytes(64)).decode(), WebhookWrong.NOT_SIGNED),
    ("", WebhookWrong.HEADER_MISSING),
)


@pytest.mark.parametrize(("text", "why"), SIGNATURES, ids=range(len(SIGNATURES)))
def test_lists_of_signatures(text: str, why: WebhookWrong | None) -> None:
    headers = HEADERS | {SIGNATURE_HEADER: text}
    if why is None:
        assert verify_webhook(headers, BODY, [KEY.public], SENT_S) == BODY
    else:
        assert wrong(headers) is why


@pytest.mark.parametrize(
    ("now_s", "why"),
    [
        (SENT_S + TOLERANCE_S, None),
        (SENT_S - TOLERANCE_S, None),
        (SENT_S + TOLERANCE_S + 1, WebhookWrong.TOO_OLD),
        (SENT_S - TOLERANCE_S - 1, WebhookWrong.TOO_NEW),
    ],
)
def test_five_minutes_either_way(now_s: int, why: WebhookWrong | None) -> None:
    if why is None:
        assert verify_webhook(HEADERS, BODY, [KEY.public], now_s) == BODY
    else:
        assert wrong(HEADERS, now_s=now_s) is why


@pytest.mark.parametrize("time", ["-5", "+5", " 5", "1e9", "٣٣", "1614265330.0", "9" * 13, "5\n"])
def test_times_that_are_none(time: str) -> None:
    assert wrong(HEADERS | {TIMESTAMP_HEADER: time}) is WebhookWrong.HEADER_MALFORMED


@pytest.mark.parametrize("name", [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER])
def test_every_header_is_needed(name: str) -> None:
    kept = {k: v for k, v in HEADERS.items() if k != name}
    assert wrong(kept) is WebhookWrong.HEADER_MISSING


def test_the_same_bytes_cannot_be_read_as_another_call() -> None:
    """A full stop in the id would move the border between id, time and body."""
    body = f'{{"a":"x.{SENT_S}.y"}}'.encode()
    signed = sign_webhook([KEY], "msg_1", 5, body)
    before, _, after = f"msg_1.5.{body.decode()}".partition(f".{SENT_S}.")
    moved = signed | {ID_HEADER: before, TIMESTAMP_HEADER: str(SENT_S)}
    assert wrong(moved, after.encode()) is WebhookWrong.HEADER_MALFORMED
    assert wrong(moved | {ID_HEADER: "msg.1"}) is WebhookWrong.HEADER_MALFORMED


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_byte_of_the_body_can_be_changed(at: int, by: int) -> None:
    changed = BODY[:at] + bytes((BODY[at] ^ by,)) + BODY[at + 1 :]
    assert wrong(HEADERS, changed) is WebhookWrong.NOT_SIGNED


@pytest.mark.parametrize(
    ("name", "value"), [(ID_HEADER, "msg_q"), (TIMESTAMP_HEADER, str(SENT_S + 1))]
)
def test_what_is_in_the_headers_is_signed_too(name: str, value: str) -> None:
    assert wrong(HEADERS | {name: value}) is WebhookWrong.NOT_SIGNED


def test_a_body_of_any_length_is_not_hashed() -> None:
    longest = b"x" * MAX_BODY_BYTES
    signed = sign_webhook([KEY], "msg_1", SENT_S, longest)
    assert verify_webhook(signed, longest, [KEY.public], SENT_S) == longest
    assert wrong(signed, longest + b"x") is WebhookWrong.BODY_TOO_LONG


@given(
    st.dictionaries(st.sampled_from((*HEADERS, "webhook-ID")), st.text(max_size=30), max_size=4),
    st.binary(max_size=50),
    st.integers(0, 2**40),
)
def test_nothing_but_named_faults(headers: dict[str, str], body: bytes, now_s: int) -> None:
    with pytest.raises(WebhookFault):
        verify_webhook(headers, body, [KEY.public], now_s)


@given(st.binary(max_size=200), st.integers(0, 10**10), st.integers(1, MAX_KEYS))
def test_what_is_signed_is_believed(body: bytes, at_s: int, count: int) -> None:
    keys = [SigningKey(bytes((n,)) * 32) for n in range(count)]
    signed = sign_webhook(keys, "msg_1", at_s, body)
    for key in keys:
        assert verify_webhook(signed, body, [key.public], at_s) == body


# ---------------------------------------------------------------- keys


def test_a_node_has_one_key_for_each_number_and_never_its_identity() -> None:
    seed = b"i" * 32
    made = [webhook_key(seed, n).public for n in range(3)]
    assert len({*made, SigningKey(seed).public, webhook_key(b"j" * 32, 0).public}) == 5
    assert made[0].hex() == "ce2e7f042e92094752e50cf40681bd58657f67d5dab26158de1c38b7587f4efb"


BAD_KEYS: tuple[tuple[Callable[[str], object], str], ...] = (
    (read_secret, PUBLIC),
    (read_public, SECRET),
    (read_secret, "whsk_"),
    (read_secret, "whsk_AAAA"),
    (read_secret, "whsk_!" + SECRET[6:]),
    (read_secret, "whsec_" + SECRET[5:]),
    (read_secret, SECRET[:50] + "A" + SECRET[51:]),  # another public half
    (read_secret, "whsk_" + "A" * 10_000),
    (read_public, "whpk_" + PUBLIC[6:]),
    (read_public, "whpk_\N{LATIN SMALL LETTER E WITH ACUTE}"),
)


@pytest.mark.parametrize(("read", "text"), BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_texts_that_are_no_keys(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(WebhookFault) as found:
        read(text)
    assert found.value.why is WebhookWrong.KEY_MALFORMED
    assert SECRET[10:20] not in str(found.value)


def test_a_seed_alone_is_a_secret_key() -> None:
    assert read_secret("whsk_" + b64encode(KEY.seed).decode() + "\n").public == KEY.public


@given(st.binary(min_size=32, max_size=32))
def test_keys_as_texts(seed: bytes) -> None:
    key = SigningKey(seed)
    assert read_secret(secret_text(key)).seed == seed
    assert read_public(public_text(key.public)) == key.public
