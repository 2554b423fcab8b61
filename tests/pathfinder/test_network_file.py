"""The reader of network files refuses everything that it does not know, and says where."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathfinder.files import network_file, network_parse
from pathfinder.files.json_place import NetworkFileError
from pathfinder.files.network_file import format_network, read_network, write_network
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Policy
from proto.modes import Mode
from tests.pathfinder.networks import case

GOOD = {
    "registries": {"R1": {}, "R2": {}, "R3": {}},
    "policies": {"C": {"members": ["R1", "R2", "R3"], "qc": 2, "qa": 2, "f": 0, "delta_ms": 2000}},
    "nodes": {
        "A": {
            "accepts": ["R1"],
            "watches_registry": True,
            "hold_max_ms": 60000,
            "fees": {"ATOMIC": {"rate": "1.5", "flat": 7}, "BARE": {"flat": 5}},
            "registry_fees": {"R1": {"out_rate": "1.0005"}},
        },
        "P": {},
    },
    "lines": [
        {"from": "P", "to": "A", "brand": "USD", "available": 500000, "fees": None},
        {"from": "A", "to": "P", "brand": "USD", "available": 0, "fees": {}, "registry_fees": {}},
    ],
}

# Where to write what into GOOD ("-" = take it away), and the place that the error names.
BAD = """
colour                         | 1                          | colour
registries                     | []                         | registries
registries.R1                  | {"url": "x"}               | registries.R1.url
registries.R1                  | null                       | registries.R1
registries                     | {"": {}}                   | registries.
registries                     | {" R": {}}                 | registries. R
policies.C.members             | ["R1", "R9", "R3"]         | policies.C.members[1]
policies.C.members             | ["R1", "R2", "R1"]         | policies.C.members[2]
policies.C.members             | []                         | policies.C.members
policies.C.members             | "R1"                       | policies.C.members
policies.C.members             | -                          | policies.C.members
policies.C.qc                  | -                          | policies.C.qc
policies.C.qc                  | 1                          | policies.C.qc
policies.C.qc                  | 4                          | policies.C.qc
policies.C.qa                  | 4                          | policies.C.qa
policies.C.qa                  | "2"                        | policies.C.qa
policies.C.qa                  | true                       | policies.C.qa
policies.C.f                   | 1                          | policies.C.qc
policies.C.f                   | -1                         | policies.C.f
policies.C.delta_ms            | 999                        | policies.C.delta_ms
policies.C.delta_ms            | 60001                      | policies.C.delta_ms
policies.C.delta_ms            | 2000.0                     | policies.C.delta_ms
policies.C.quorum              | 2                          | policies.C.quorum
policies.R1                    | {"members": ["R1"], "qc": 1, "qa": 1} | policies.R1
policies.D  | {"members": ["R1"], "qc": 1, "qa": 1, "delta_ms": 1}  | policies.D.delta_ms
nodes                          | -                          | nodes
nodes                          | []                         | nodes
nodes.A                        | null                       | nodes.A
nodes.A.alias                  | "x"                        | nodes.A.alias
nodes.A.accepts                | ["R9"]                     | nodes.A.accepts[0]
nodes.A.accepts                | ["R1", "R1"]               | nodes.A.accepts[1]
nodes.A.accepts                | [1]                        | nodes.A.accepts[0]
nodes.A.accepts                | {"R1": {}}                 | nodes.A.accepts
nodes.A.watches_registry       | 1                          | nodes.A.watches_registry
nodes.A.hold_max_ms            | -1                         | nodes.A.hold_max_ms
nodes.A.hold_max_ms            | 1.5                        | nodes.A.hold_max_ms
nodes.A.hold_max_ms            | 99999999999999             | nodes.A.hold_max_ms
nodes.A.fees                   | []                         | nodes.A.fees
nodes.A.fees.PROXY             | {}                         | nodes.A.fees.PROXY
nodes.A.fees.atomic            | {}                         | nodes.A.fees.atomic
nodes.A.fees.ATOMIC.rate       | 1.5                        | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "0.999999999"              | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "1000.000000001"           | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "1.0000000001"             | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "1e1"                      | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "-1"                       | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | "1."                       | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.rate       | ""                         | nodes.A.fees.ATOMIC.rate
nodes.A.fees.ATOMIC.flat       | -1                         | nodes.A.fees.ATOMIC.flat
nodes.A.fees.ATOMIC.flat       | "0"                        | nodes.A.fees.ATOMIC.flat
nodes.A.fees.ATOMIC.flat       | 9223372036854775808        | nodes.A.fees.ATOMIC.flat
nodes.A.fees.ATOMIC.extra      | 1                          | nodes.A.fees.ATOMIC.extra
nodes.A.registry_fees.R9       | {}                         | nodes.A.registry_fees.R9
nodes.A.registry_fees.R1.rate  | "1"                        | nodes.A.registry_fees.R1.rate
nodes.A.registry_fees.R1.out_rate | "0.5"                   | nodes.A.registry_fees.R1.out_rate
nodes.A.registry_fees.R1.in_flat  | -3                      | nodes.A.registry_fees.R1.in_flat
lines                          | {}                         | lines
lines.0                        | []                         | lines[0]
lines.0.from                   | "X"                        | lines[0].from
lines.0.from                   | 3                          | lines[0].from
lines.0.to                     | "X"                        | lines[0].to
lines.0.to                     | "P"                        | lines[0].to
lines.0.to                     | -                          | lines[0].to
lines.0.brand                  | -                          | lines[0].brand
lines.0.brand                  | ""                         | lines[0].brand
lines.0.brand                  | null                       | lines[0].brand
lines.0.available              | -                          | lines[0].available
lines.0.available              | -1                         | lines[0].available
lines.0.available              | 1.0                        | lines[0].available
lines.0.available              | true                       | lines[0].available
lines.0.available              | 9223372036854775808        | lines[0].available
lines.0.limit                  | 1                          | lines[0].limit
lines.0.fees                   | {"ATOMIC": {"rate": "0"}}  | lines[0].fees.ATOMIC.rate
lines.1                        | {"from": "P", "to": "A", "brand": "USD", "available": 1} | lines[1]
""".strip("\n").splitlines()


def changed(path: str, value: str) -> bytes:
    text: Any = json.loads(json.dumps(GOOD))
    at = text
    *before, last = path.split(".")
    for step in before:
        at = at[int(step)] if isinstance(at, list) else at[step]
    key = int(last) if isinstance(at, list) else last
    if value == "-":
        del at[key]
    else:
        at[key] = json.loads(value)
    return json.dumps(text).encode()


@pytest.mark.parametrize("row", BAD)
def test_bad_entries(row: str) -> None:
    path, value, place = (part.strip() for part in row.split("|"))
    with pytest.raises(NetworkFileError) as caught:
        parse_network(changed(path, value))
    assert caught.value.place.strip() == place
    assert caught.value.cause
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "line 1 column 1"),
        (b"{", "line 1 column 2"),
        (b'{"nodes": {}} x', "line 1 column 15"),
        (b"\xff{}", "byte 0"),
        (b"[]", ""),
        (b"null", ""),
        (b'{"nodes": {"A": {}, "A": {}}}', "nodes.A"),
        (b'{"nodes": {"A": {}, "\\u0041": {}}}', "nodes.A"),
        (b'{"nodes": {}, "lines": [{}, {"to": 1, "from": {}, "to": 1}]}', "lines[1].to"),
        (b'{"nodes": {"A": {"fees": {"BARE": {}, "BARE": {}}}}}', "nodes.A.fees.BARE"),
        (b'{"nodes": NaN}', "nodes"),
        (b'{"lines": [{"available": 1}, {"available": -Infinity}]}', "lines[1].available"),
        (b"[" * 100_000, "[0]" * 66 + "[0…"),
        (b'{"nodes":' * 100_000, "nodes" + ".nodes" * 32 + ".no…"),
        (b'{"nodes": ' + b"9" * 5000 + b"}", "nodes"),
        (
            b'{"lines": [{"available": 1}, {"available": ' + b"9" * 5000 + b"}]}",
            "lines[1].available",
        ),
        (b'\xef\xbb\xbf{"nodes": {}}', "line 1 column 1"),
        ("{}".encode("utf-16"), "byte 0"),
        (b'{"nodes": {}', "line 1 column 13"),
        (b'{"nodes": {}, "lines": [{"from"', "line 1 column 32"),
        (b'{"nodes": {"\\ud800": {}}}', "nodes.\\ud800"),
        (b'{"nodes": {"a\\nb": {}}}', "nodes.a\\nb"),
        (b'{"nodes": {"' + b"a" * 65 + b'": {}}}', "nodes." + "a" * 65),
    ],
)
def test_texts_that_are_no_network(text: bytes, place: str) -> None:
    with pytest.raises(NetworkFileError) as caught:
        parse_network(text)
    assert caught.value.place == place
    assert "\n" not in str(caught.value)


def test_a_good_file_and_its_defaults() -> None:
    network = parse_network(json.dumps(GOOD).encode())
    assert network.registries == ("R1", "R2", "R3")
    assert network.policies == (Policy("C", ("R1", "R2", "R3"), 2, 2, 0, 2_000_000),)
    a, p = network.nodes
    assert (a.name, a.accepts, a.watches_registry) == ("A", frozenset({"R1"}), True)
    assert str(a.fees.fees[Mode.ATOMIC].rate) == "1.5"
    assert a.fees.of(Mode.SECURED) is None
    assert (p.accepts, p.watches_registry, p.hold_max_us) == (frozenset(), False, 60_000_000)
    assert p.fees.fees == {}
    assert network.lines[0].fees is None
    assert network.lines[1].fees is not None and network.lines[1].registry_fees == {}


def test_the_default_of_delta_depends_on_the_members() -> None:
    short = {"members": ["R1"], "qc": 1, "qa": 1}
    both = {"members": ["R2", "R1"], "qc": 2, "qa": 1}
    text = {**GOOD, "policies": {"one": short, "two": both}}
    one, two = parse_network(json.dumps(text).encode()).policies
    assert (one.delta_us, two.delta_us) == (0, 2_000_000)
    assert two.members == ("R1", "R2")


@pytest.mark.parametrize(
    ("limit", "place"),
    [
        ("MAX_NODES", "nodes"),
        ("MAX_LINES", "lines"),
        ("MAX_REGISTRIES", "registries"),
        ("MAX_POLICIES", "policies"),
    ],
)
def test_bounds(limit: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = {"nodes": 2, "lines": 2, "registries": 3, "policies": 1}[place]
    text = json.dumps(GOOD).encode()
    monkeypatch.setattr(network_parse, limit, holds)
    parse_network(text)
    monkeypatch.setattr(network_parse, limit, holds - 1)
    with pytest.raises(NetworkFileError) as caught:
        parse_network(text)
    assert caught.value.place == place


@pytest.mark.parametrize("seed", range(20))
def test_round_trip(seed: int, tmp_path: Path) -> None:
    net, _ = case(seed)
    network = parse_network(json.dumps(net).encode())
    file = tmp_path / "net.json"
    write_network(file, network)
    assert read_network(file) == network
    assert format_network(read_network(file)) == file.read_text(encoding="utf-8")


@given(st.recursive(st.none() | st.integers() | st.text(), lambda v: st.dictionaries(
    st.sampled_from(("nodes", "lines", "A", "fees", "BARE", "rate", "registries")) | st.text(), v)
    | st.lists(v)))  # fmt: skip
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        parse_network(json.dumps(value).encode())
    except NetworkFileError as error:
        assert str(error).isprintable()


def test_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(NetworkFileError) as caught:
        read_network(missing)
    assert str(missing) in str(caught.value)
    with pytest.raises(NetworkFileError):
        read_network(tmp_path)
    bad = tmp_path / "bad.json"
    bad.write_bytes(changed("nodes.A.fees.ATOMIC.rate", '"0"'))
    with pytest.raises(NetworkFileError) as caught:
        read_network(bad)
    assert str(caught.value).startswith(f"{bad}: nodes.A.fees.ATOMIC.rate: ")
    monkeypatch.setattr(network_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(NetworkFileError, match="more than 100 bytes"):
        read_network(bad)
