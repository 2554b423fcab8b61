"""The way back: its hash, and a URL to which exactly two things are added."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.interaction import (
    MAX_STATE_CHARS,
    check_way_back,
    hash_of_lines,
    interaction_hash,
    read_way_back,
    same_hash,
    way_back,
)
from proto.wire import WireFault

MADE = interaction_hash(b"r" * 32, b"n" * 32, b"a" * 16, "https://node.example/back/requests")


def test_the_example_of_the_rfc() -> None:
    """RFC 9635 section 4.2.3."""
    lines = ("VJLO6A4CATR0KRO", "MBDOFXG4Y5CVJCX821LH", "4IFWWIKYB2PQ6U56NL1")
    found = hash_of_lines(*lines, "https://server.example.com/tx")
    assert found == "x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY"


def test_every_part_counts() -> None:
    nonce, other, approval, endpoint = b"r" * 32, b"n" * 32, b"a" * 16, "https://node.example/back"
    found = {
        MADE,
        interaction_hash(nonce, other, approval, endpoint),
        interaction_hash(other, nonce, approval, endpoint),
        interaction_hash(other, other, approval, endpoint),
        interaction_hash(nonce, nonce, approval, endpoint),
        interaction_hash(nonce, other, b"A" * 16, endpoint),
        interaction_hash(nonce, other, approval, endpoint + "/"),
    }
    assert len(found) == 7
    assert len(MADE) == 43 and same_hash(MADE, MADE)


@given(st.text())
def test_other_texts_are_not_the_hash(text: str) -> None:
    assert same_hash(text, MADE) is (text == MADE)


URLS = (
    ("https://shop.example/back", "https://shop.example/back?state=s&hash=h"),
    ("https://shop.example", "https://shop.example?state=s&hash=h"),
    ("https://shop.example/back?", "https://shop.example/back?state=s&hash=h"),
    ("https://shop.example/b?x=1", "https://shop.example/b?x=1&state=s&hash=h"),
    ("https://shop.example/b?x=1&", "https://shop.example/b?x=1&state=s&hash=h"),
    ("https://shop.example/b?x=%20+%26", "https://shop.example/b?x=%20+%26&state=s&hash=h"),
    ("http://localhost:8080/?statement=1", "http://localhost:8080/?statement=1&state=s&hash=h"),
)


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_what_is_there_stays(url: str, expected: str) -> None:
    assert way_back(url, "s", "h") == expected


BAD_URLS = (
    *("", "shop.example", "javascript:alert(1)", "//shop.example/", "https://shop.example/#x"),
    *("https://a@shop.example/", "https://shop.example/\r\nset-cookie: a=b", "https:///x"),
    *("https://shop.example/?state=1", "https://shop.example/?a=1&hash=", "https://s/?%68ash=1"),
    *("https://shop.example/?h%61sh=1", "https://shop.example/?state", "https://s/" + "a" * 600),
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_ways_that_lead_nowhere(url: str) -> None:
    with pytest.raises(WireFault):
        check_way_back(url)
    with pytest.raises(WireFault):
        way_back(url, "s", MADE)


@pytest.mark.parametrize(
    "state", ["a\nb", "\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 129, "\x00"]
)
def test_states_that_are_none(state: str) -> None:
    with pytest.raises(WireFault):
        way_back("https://shop.example/", state, MADE)


PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


@given(st.text(PRINTABLE, max_size=MAX_STATE_CHARS), st.sampled_from([u for u, _ in URLS]))
def test_the_requester_reads_exactly_its_state(state: str, url: str) -> None:
    """Whatever is in it can add no parameter, and no other place."""
    found = way_back(url, state, MADE)
    before = parse_qsl(urlsplit(url).query)
    query = parse_qsl(urlsplit(found).query, keep_blank_values=True)
    assert query == [*before, ("state", state), ("hash", MADE)]
    assert urlsplit(found)[:3] == urlsplit(url)[:3] and not urlsplit(found).fragment
    assert read_way_back(found) == read_way_back(urlsplit(found).query) == (state, MADE)


@pytest.mark.parametrize(
    "query",
    ["", "state=s", "hash=h", "state=s&hash=h&hash=i", "state=s&state=&hash=h", "STATE=s&hash=h"],
)
def test_who_comes_back_with_something_else(query: str) -> None:
    with pytest.raises(WireFault):
        read_way_back(query)
    with pytest.raises(WireFault):
        read_way_back("https://shop.example/back?" + query)
