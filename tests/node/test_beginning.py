"""Ids by their first digits, as `startswith` of the written id says."""

from hypothesis import given
from hypothesis import strategies as st

from node.control.beginning import Beginning

IDS = [bytes.fromhex(text) for text in ("00112233", "00112243", "0011", "ff0122334455")]


@given(st.sampled_from(IDS), st.integers(4, 14), st.booleans())
def test_what_begins_an_id_finds_it_and_no_other(one: bytes, many: int, shout: bool) -> None:
    named = one.hex()[:many]
    beginning = Beginning.of(named.upper() if shout else named)
    assert (beginning is None) == (len(named) < 4)
    if beginning is not None:
        found = [i for i in IDS if beginning.begins(i)]
        assert found == [i for i in IDS if i.hex().startswith(named)]


def test_what_is_no_beginning() -> None:
    assert [Beginning.of(t) for t in ("", "001", "0011-2233", "wxyz", "00 11")] == [None] * 5
