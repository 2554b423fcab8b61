"""Whatever bytes a network file holds, reading it ends: with a network, or with one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathfinder.files import json_locate, json_place, network_file, network_parse
from pathfinder.files.json_place import At, NetworkFileError
from pathfinder.files.network_file import format_network, read_network
from pathfinder.files.network_parse import MAX_NODES, parse_network
from pathfinder.network import Network
from tests.pathfinder.networks import case

GOOD = [format_network(parse_network(json.dumps(case(seed)[0]).encode())) for seed in range(8)]
# What a typing error, an editor, another program or a malicious hand puts into a file.
PIECES = (
    *(b"", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\0", b"\xff", b"\xc3", b"-"),
    *(b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"0", b"-1", b"1.5", b"1e999", b"1E400"),
    *(b'""', b'"\\ud800"', b'"\\u0000"', b'" "', b'"from"', b'"A": {},', b'"lines": [],'),
    *(b"9" * 19, b"9223372036854775808", b"9" * 5000, b"[" * 2000, b'{"a":' * 2000),
    *("\N{ZERO WIDTH NO-BREAK SPACE}".encode(), "\N{RIGHT-TO-LEFT OVERRIDE}".encode()),
)
WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(("R0", "A", "Q", "USD", "1", "0.5", "1.0000000001", 2**63, -1, 10**400)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(("rate", "flat", "BARE", "from", "to", "A", "R0")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def read(text: bytes) -> Network | None:
    """The network, or None where it was refused as a bad file is."""
    try:
        return parse_network(text)
    except NetworkFileError as error:
        assert str(error).isprintable() and error.cause
        assert len(str(error)) < 1000
        return None


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)


@given(
    st.sampled_from(GOOD),
    st.lists(
        st.tuples(
            st.integers(0, 20_000), st.integers(0, 40), st.sampled_from(PIECES) | st.binary()
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_good_files_with_bytes_changed(text: str, cuts: list[tuple[int, int, bytes]]) -> None:
    data = text.encode()
    for at, length, piece in cuts:
        start = at % len(data)
        data = data[:start] + piece + data[start + length :]
    found = read(data)
    if found is not None:
        assert parse_network(format_network(found)) == found, "what is read can be written"


@given(st.integers(0, 200), st.data())
def test_good_files_with_one_value_changed(seed: int, data: st.DataObject) -> None:
    """Types and figures that JSON allows and a network does not, at any place."""
    net: Any = case(seed)[0]
    holder, key = data.draw(st.sampled_from(_places(net)))
    wild = data.draw(WILD)
    holder[key] = wild
    read(json.dumps(net).encode())


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += _places(value[key])
    return found


@given(st.sampled_from(GOOD), st.integers(0, 20_000))
def test_truncated_files(text: str, at: int) -> None:
    short = text.rstrip()
    assert read(short[: at % len(short)].encode()) is None


@pytest.mark.parametrize("seed", range(40))
def test_lines_read_the_short_way_are_as_the_long_way_reads_them(seed: int) -> None:
    net, _ = case(seed)
    network = parse_network(json.dumps(net).encode())
    names = {node.name: i for i, node in enumerate(network.nodes)}
    at = At("lines", net["lines"])
    for i, line in enumerate(network.lines):
        long = network_parse._line(at.item(i), names, frozenset(network.registries))
        assert line == long
        short = network_parse._plain_line(net["lines"][i], names, {"USD": 0})
        assert short in (None, line)
        own_fees = line.fees is not None or line.registry_fees is not None
        assert (short is None) is own_fees


def test_a_million_nodes_are_too_many() -> None:
    text = '{"nodes": {' + ",".join(f'"n{i}":{{}}' for i in range(1_000_000)) + "}}"
    with pytest.raises(NetworkFileError) as caught:
        parse_network(text)
    assert str(caught.value) == f"nodes: holds at most {MAX_NODES} nodes, not 1000000"


def test_the_same_node_among_a_hundred_thousand() -> None:
    text = '{"nodes": {' + "".join(f'"n{i}":{{}},' for i in range(99_999)) + '"n7":{}}}'
    with pytest.raises(NetworkFileError) as caught:
        parse_network(text)
    assert str(caught.value) == "nodes.n7: the same key twice in one object"


@pytest.mark.parametrize(("limit", "text"), [("MAX_BRACKETS", "[],"), ("MAX_COMMAS", "1,")])
def test_more_values_than_any_network_has(
    limit: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would fill the memory before anybody had looked at one."""
    monkeypatch.setattr(json_place, limit, 1000)
    assert read(("[" + text * 900 + "0]").encode()) is None
    with pytest.raises(NetworkFileError, match="holds more than 1000"):
        parse_network("[" + text * 1001 + "0]")


def test_the_same_line_far_apart() -> None:
    lines = [{"from": "A", "to": "B", "brand": f"b{i}", "available": i} for i in range(5000)]
    lines.append({**lines[17], "available": 7})
    with pytest.raises(NetworkFileError) as caught:
        parse_network(json.dumps({"nodes": {"A": {}, "B": {}}, "lines": lines}))
    assert str(caught.value) == "lines[5000]: the same from, to and brand as lines[17]"


def test_a_text_too_long_to_be_searched_still_names_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_locate, "MAX_LOCATED_CHARS", 10)
    with pytest.raises(NetworkFileError) as caught:
        parse_network(b'{"nodes": {"A": {}, "A": {}}}')
    assert str(caught.value) == "A: the same key twice in one object"


# ---------------------------------------------------------------- what is no ordinary file


def cause_of(path: Path) -> str:
    with pytest.raises(NetworkFileError) as caught:
        read_network(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line.removeprefix(f"{path}: ")


def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert cause_of(pipe).startswith("cannot be read: ")


def test_a_pipe_whose_writer_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_file, "PIPE_PATIENCE_S", 0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # both ends: opening does not wait for a reader
    try:
        assert cause_of(pipe).startswith("cannot be read: nothing came out of it")
    finally:
        os.close(writer)


@pytest.mark.parametrize("made", [os.mkdir, lambda path: None, lambda path: path.touch()])
def test_a_folder_nothing_and_an_empty_file(made: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    made(path)
    assert cause_of(path)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero"])
def test_devices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_file, "MAX_FILE_BYTES", 1 << 21)
    assert cause_of(Path(name))


def test_a_name_that_no_file_has(tmp_path: Path) -> None:
    with pytest.raises(NetworkFileError, match="cannot be read"):
        read_network(Path("net\0.json"))


def test_a_pipe_is_read_as_a_file_is() -> None:
    """`route --network <(pledgeway network export)` is a pipe."""
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, GOOD[0].encode())
        os.close(write_end)
        assert format_network(read_network(Path(f"/dev/fd/{read_end}"))) == GOOD[0]
    finally:
        os.close(read_end)
