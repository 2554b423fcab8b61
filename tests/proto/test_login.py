"""What a program signs to log in: for one origin, one name, one time; and its key as a line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import signing_key
from proto.login import (
    MAX_PART_CHARS,
    join_bytes,
    key_text,
    login_bytes,
    proves_join,
    proves_login,
    read_key_text,
    sign_join,
    sign_login,
)
from proto.wire import WireFault

KEY = signing_key("wallet")
ORIGIN = "https://bank.example"


def test_each_part_counts() -> None:
    signature = sign_login(KEY, ORIGIN, "ann", 7)
    assert proves_login(KEY.public, signature, ORIGIN, "ann", 7)
    other = signing_key("other").public
    for key, origin, name, at_us in (
        (other, ORIGIN, "ann", 7),
        (KEY.public, "https://bank.example.evil.example", "ann", 7),
        (KEY.public, ORIGIN, "eve", 7),
        (KEY.public, ORIGIN, "ann", 8),
    ):
        assert not proves_login(key, signature, origin, name, at_us)


def test_a_login_is_no_joining_and_no_joining_a_login() -> None:
    assert not proves_join(KEY.public, sign_login(KEY, ORIGIN, "ann", 7), ORIGIN, "ann\n7"[:3])
    joined = sign_join(KEY, ORIGIN, "token")
    assert proves_join(KEY.public, joined, ORIGIN, "token")
    assert not proves_join(KEY.public, joined, ORIGIN, "tokem")


@pytest.mark.parametrize("part", ["a\nb", "a\r", "\x00", "\u2028", "x" * (MAX_PART_CHARS + 1)])
def test_what_could_be_read_as_two_parts_is_not_signed(part: str) -> None:
    with pytest.raises(WireFault):
        login_bytes(ORIGIN, part, 7)
    with pytest.raises(WireFault):
        join_bytes(part, "token")


@pytest.mark.parametrize("at_us", [-1, 1 << 70])
def test_impossible_times(at_us: int) -> None:
    with pytest.raises(WireFault):
        login_bytes(ORIGIN, "ann", at_us)


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_a_fault(text: str) -> None:
    for given_text in (text, "pledgeway-key:" + text):
        with suppress(WireFault):
            assert len(read_key_text(given_text)) == 32


def test_a_key_as_a_line() -> None:
    assert read_key_text(f" {key_text(KEY.public)}\n") == KEY.public
