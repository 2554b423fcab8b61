"""Foreign data becomes a network: the arithmetic, what is drawn, and rows that are none."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathfinder.files import foreign
from pathfinder.files.foreign import MAX_AVAILABLE, ForeignFault, credit_links, edges
from pathfinder.files.network_file import format_network
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Network
from proto.modes import Mode


def amounts(network: Network) -> dict[str, int]:
    return {f"{x.promisor}>{x.promisee}": x.available for x in network.lines}


def links(*rows: str, seed: int = 1) -> Network:
    return credit_links(rows, "USD", Random(seed))


def test_a_link_is_two_directions() -> None:
    assert amounts(links("a b -100 -30.5 0")) == {"a>b": 30, "b>a": 69}
    assert amounts(links("a b 0 10 250")) == {"a>b": 240, "b>a": 10}


def test_amounts_are_rounded_down_cut_and_dropped_at_nothing() -> None:
    assert amounts(links("a b -0.9 -0.0 0.0", "b c -1e41 0 1e41")) == {
        "b>c": MAX_AVAILABLE,
        "c>b": MAX_AVAILABLE,
    }
    assert amounts(links("a b -1e308 1e308 1e308")) == {"b>a": MAX_AVAILABLE}
    assert amounts(links("a b 0 0 0")) == {}
    assert len(links("a b 0 0 0").nodes) == 2


def test_columns_and_comments() -> None:
    network = links("# nodes", "", "  ", "% x", "a,b,-2,-1,0", "b\tc  -4 -1 0\r")
    assert amounts(network) == {"a>b": 1, "b>a": 1, "b>c": 1, "c>b": 3}


def test_edges() -> None:
    rows = ("a b 7", "b a 9.99", "b c 1e15", "c a 0")
    assert amounts(edges(rows, "USD", Random(1))) == {"a>b": 7, "b>a": 9, "b>c": MAX_AVAILABLE}
    both = edges(("a b 7", "b c"), "USD", Random(1), both_ways=True)
    drawn = amounts(both)
    assert drawn["a>b"] == drawn["b>a"] == 7
    assert drawn["b>c"] == drawn["c>b"] >= 100


ROWS = [f"n{i} n{(i * 7 + 1) % 2000} -{i + 1}.5 -{i / 3} 0" for i in range(1, 2000)]


def test_the_seed_decides_everything() -> None:
    rows = [row for row in ROWS if len(set(row.split()[:2])) == 2]
    one, same, other = links(*rows), links(*rows), links(*rows, seed=2)
    assert format_network(one) == format_network(same)
    assert one.nodes != other.nodes and one.lines == other.lines
    assert parse_network(format_network(one)) == one


def test_what_is_drawn_is_as_the_help_says() -> None:
    network = links(*(f"a{i} b{i} -5 -2 0" for i in range(3000)))
    n = len(network.nodes)
    accepts = sum(len(node.accepts) for node in network.nodes)
    assert 0.78 < accepts / (3 * n) < 0.82
    assert 0.72 < sum(node.watches_registry for node in network.nodes) / n < 0.78
    priced = Counter(len(node.fees.fees) for node in network.nodes)
    assert 0.08 < 1 - priced[4] / n < 0.12 and set(priced) == {1, 2, 3, 4}
    for node in network.nodes:
        asked = [fee for mode in Mode if (fee := node.fees.of(mode)) is not None]
        asked.sort(key=lambda fee: (fee.rate, fee.flat))
        modes = sorted(node.fees.fees, key=lambda mode: mode.risk)
        assert [node.fees.of(mode) for mode in modes] == asked, "dearer for the riskier mode"
        assert all(fee.flat <= 9 and fee.rate.nano <= 1_010_000_000 for fee in asked)


BAD = [
    (["a b 1 2"], 1, "five columns, not 4"),
    (["a b 1 2 3 4"], 1, "five columns, not 6"),
    (["# x", "a b x 2 3"], 2, "x is no number"),
    (["a b nan 2 3"], 1, "nan is no number"),
    (["a b 1 2 inf"], 1, "inf is no number"),
    (["a b 1 2 1e999"], 1, "1e999 is no number"),
    (["a b 1_0 20 30"], 1, "1_0 is no number"),
    (["a b ٣ 20 30"], 1, "٣ is no number"),
    (["a b " + "9" * 500 + " 1 2"], 1, "is no number"),
    (["a b 3 2 1"], 1, "lower is not below current"),
    (["a b 0 2 1"], 1, "current not below upper"),
    (["a a 0 1 2"], 1, "a and itself"),
    (["a b 0 1 2", "b a 0 1 2"], 2, "the same two nodes as in row 1"),
    (["a b 0 1 2", "", "a b 0 1 2"], 3, "the same two nodes as in row 1"),
    (["a\0b c 0 1 2"], 1, "a\\x00b: a name has printable"),
    (["\udcff c 0 1 2"], 1, "\\udcff: a name has printable"),
    (["x" * 65 + " c 0 1 2"], 1, "at most 64 characters"),
    (["x" * 2000], 1, "a row of more than 1000 characters"),
    ([], 0, "holds no rows"),
    (["# nothing"], 0, "holds no rows"),
]


@pytest.mark.parametrize(("rows", "row", "cause"), BAD, ids=lambda v: str(v)[:30])
def test_rows_that_are_none(rows: list[str], row: int, cause: str) -> None:
    with pytest.raises(ForeignFault) as caught:
        links(*rows)
    assert caught.value.row == row
    assert cause in caught.value.cause
    assert caught.value.cause.isprintable()


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (["a"], "two or three columns"),
        (["a b -1"], "a negative amount"),
        (["a b 1", "a b 2"], "the same two nodes as in row 1"),
        (["a b x"], "no number"),
    ],
)
def test_edges_that_are_none(rows: list[str], cause: str) -> None:
    with pytest.raises(ForeignFault, match=cause):
        edges(rows, "USD", Random(1))


@pytest.mark.parametrize(("limit", "least"), [("MAX_NODES", 4), ("MAX_LINES", 4), ("MAX_ROWS", 3)])
def test_bounds(limit: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("a b -9 -4 0", "# x", "c d -9 -4 0")
    monkeypatch.setattr(foreign, limit, least)
    assert len(links(*rows).lines) == 4
    monkeypatch.setattr(foreign, limit, least - 1)
    with pytest.raises(ForeignFault) as caught:
        links(*rows)
    assert caught.value.row == 3


@given(st.lists(st.text(max_size=40) | st.sampled_from(("a b -9 -4 0", "b c 1 2 3", "a,c,1,1,1"))))
def test_any_rows_are_a_network_or_a_fault(rows: list[str]) -> None:
    for read in (credit_links, edges):
        try:
            network = read(rows, "USD", Random(1))
        except ForeignFault as fault:
            assert fault.cause.isprintable()
        else:
            assert parse_network(json.dumps(json.loads(format_network(network)))) == network


REAL = Path(__file__).resolve().parents[3] / "shared/data/ripple_lcc_credit_links.txt.gz"


@pytest.mark.edge
@pytest.mark.skipif(not REAL.exists(), reason="the real credit network is not here")
def test_the_real_credit_network() -> None:
    with gzip.open(REAL, "rt") as rows:
        network = credit_links(rows, "USD", Random(7))
    assert (len(network.nodes), len(network.lines)) == (67_149, 113_030)
    assert max(line.available for line in network.lines) == MAX_AVAILABLE
    assert min(line.available for line in network.lines) == 1
