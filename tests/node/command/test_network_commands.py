"""`pledgeway network ...` against a fake node, and on files."""

import gzip
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command import network_import
from node.command.__main__ import main
from pathfinder.files.network_file import read_network
from proto.advert_file import FIRST_LINE
from tests.node.command.conftest import FakeNode
from tests.pathfinder.compare import graph_of
from tests.pathfinder.test_search import worked

pytestmark = pytest.mark.edge

FILE: Any = worked("PABQ")
ENTRIES = [
    *(["registries", name, {}] for name in FILE["registries"]),
    *(["nodes", name, entry] for name, entry in FILE["nodes"].items()),
    *(["lines", "", entry] for entry in FILE["lines"]),
]
END = {"json": {"end": True}}


def offline(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), env={"PLEDGEWAY_NODE": None, "NO_COLOR": None})


def one_line(result: Result, status: int) -> str:
    assert (result.exit_code, result.stdout) == (status, ""), result.output
    (line,) = result.stderr.splitlines()
    return line


# ---------------------------------------------------------------- export


def says_entries(fake: FakeNode) -> None:
    pieces = ({"json": {"entries": ENTRIES[i : i + 3]}} for i in range(0, len(ENTRIES), 3))
    fake.says("network.export", *pieces, END)


@pytest.mark.parametrize("option", ["--at", "--node"])
def test_an_exported_file_is_a_network_file(fake: FakeNode, tmp_path: Path, option: str) -> None:
    says_entries(fake)
    out = tmp_path / "net.json"
    result = fake.run("network", "export", option, str(fake.directory), "--out", str(out))
    assert result.exit_code == 0 and str(out) in result.stdout
    assert graph_of(FILE).nodes() == tuple(sorted(n.name for n in read_network(out).nodes))
    assert fake.heard == ("network.export", {})
    assert json.loads(fake.run("network", "export").stdout)["nodes"] == FILE["nodes"]
    again = fake.run("network", "export", "--out", str(out))
    assert "exists already" in one_line(again, 2)
    told = json.loads(
        fake.run("network", "export", "--json", "--out", str(tmp_path / "b.json")).stdout
    )
    assert told["bytes"] == out.stat().st_size


def test_adverts_go_into_a_file_as_they_are(fake: FakeNode, tmp_path: Path) -> None:
    pieces = [{"json": {"adverts": ["QUJD", "REVG"]}}, {"json": {"adverts": ["R0hJ"]}}]
    fake.says("network.adverts", *pieces, END)
    out = tmp_path / "net.adverts"
    args = ("network", "export", "--format", "adverts")
    result = fake.run(*args, "--out", str(out))
    assert result.exit_code == 0 and "3 adverts" in result.stdout
    assert out.read_text().splitlines() == [FIRST_LINE, "QUJD", "REVG", "R0hJ"]
    assert fake.run(*args).stdout == out.read_text()


def test_half_an_answer_is_none(fake: FakeNode, tmp_path: Path) -> None:
    fake.says("network.export", {"json": {"entries": ENTRIES[:2]}})
    out = tmp_path / "net.json"
    result = fake.run("network", "export", "--out", str(out))
    assert "broke off" in one_line(result, 3)
    assert not out.exists()


def test_a_folder_that_is_not_there(fake: FakeNode, tmp_path: Path) -> None:
    result = fake.run("network", "export", "--out", str(tmp_path / "x" / "net.json"))
    assert "its folder does not exist" in one_line(result, 2)


# ---------------------------------------------------------------- import into a node


def adverts(tmp_path: Path, *lines: str, first: str = FIRST_LINE) -> str:
    path = tmp_path / "net.adverts"
    path.write_text("\n".join((first, *lines)) + "\n")
    return str(path)


def test_what_became_of_each_advert(fake: FakeNode, tmp_path: Path) -> None:
    became = [
        {"fate": "APPLIED", "reason": ""},
        {"fate": "STALE", "reason": ""},
        {"fate": "REFUSED", "reason": "a wrong\nsignature"},
        {"fate": "SOMETHING NEW"},
    ]
    fake.says("network.learn", {"json": {"became": became}})
    file = adverts(tmp_path, "QUJD", "# comment", "REVG", "", "R0hJ", "x" * 30_000, "QUJE")
    result = fake.run("network", "import", file)
    assert (result.exit_code, result.stderr) == (1, "")
    assert fake.heard == ("network.learn", {"adverts": ["QUJD", "REVG", "R0hJ", "QUJE"]})
    counts = {row[0]: row[1] for row in (x.split() for x in result.stdout.splitlines())}
    assert (counts["applied"], counts["stale"], counts["refused"]) == ("1", "1", "3")
    assert f"{file}: line 6: a wrong�signature" in result.stdout
    assert "line 7: longer than an advert may be" in result.stdout
    answer = json.loads(fake.run("network", "import", file, "--json").stdout)
    assert answer["refused"] == 3
    assert [one["line"] for one in answer["refusals"]] == [6, 7, 8]


def test_a_large_file_goes_in_pieces(
    fake: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_import, "BATCH_ADVERTS", 2)
    fake.says("network.learn", {"json": {"became": [{"fate": "APPLIED"}] * 2}})
    file = adverts(tmp_path, *(b64encode(bytes([i])).decode() for i in range(6)))
    result = fake.run("network", "import", "-", input=Path(file).read_bytes())
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:2] == ["applied", "6"]
    heard = (fake.directory / "heard.jsonl").read_text().splitlines()
    assert [len(json.loads(one)["arguments"]["adverts"]) for one in heard] == [2, 2, 2]


def test_no_adverts(fake: FakeNode, tmp_path: Path) -> None:
    result = fake.run("network", "import", adverts(tmp_path))
    assert result.exit_code == 0 and "holds no adverts" in result.stdout


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        ("hello", "line 1: holds no adverts"),
        ("", "line 1: holds no adverts"),
        ('{"nodes": {}}', "line 1: a network file proves nothing"),
        (FIRST_LINE + "1", "line 1: holds no adverts"),
        ("x" * 100_000, "line 1: holds no adverts"),
    ],
)
def test_what_is_no_file_of_adverts(fake: FakeNode, tmp_path: Path, first: str, cause: str) -> None:
    result = fake.run("network", "import", adverts(tmp_path, "QUJD", first=first))
    assert cause in one_line(result, 2)
    assert (fake.directory / "heard.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        (["--seed", "1"], "--seed goes with --from-format"),
        (["--out", "x.json"], "--out goes with --from-format"),
        (["--both-ways"], "--both-ways goes with --from-format"),
        (["--from-format", "edges"], "needs --out FILE and --seed NUMBER"),
        (["--from-format", "edges", "--out", "x.json"], "needs --out FILE and --seed NUMBER"),
        (
            ["--from-format", "credit-links", "--out", "x.json", "--seed", "1", "--both-ways"],
            "--both-ways is about edges",
        ),
        (["--from-format", "edges", "--out", "x.json", "--seed", "-1"], "--seed"),
        (["--from-format", "pcap"], "--from-format"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_options_that_do_not_go_together(
    fake: FakeNode, tmp_path: Path, more: list[str], cause: str
) -> None:
    result = fake.run("network", "import", adverts(tmp_path, "QUJD"), *more)
    assert cause in one_line(result, 2)


def test_a_missing_file_and_a_folder(fake: FakeNode, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert "No such file" in one_line(fake.run("network", "import", missing), 2)
    assert "is no file" in one_line(fake.run("network", "import", str(tmp_path)), 2)


# ---------------------------------------------------------------- import of foreign data

LINKS = "# two\na b -100 -30.5 0\nb c 0 1 2\n"


@pytest.mark.parametrize("packed", [False, True])
def test_foreign_data_becomes_a_network_file(tmp_path: Path, packed: bool) -> None:
    source, out = tmp_path / "links.txt", tmp_path / "net.json"
    source.write_bytes(gzip.compress(LINKS.encode()) if packed else LINKS.encode())
    args = ("network", "import", str(source), "--from-format", "credit-links", "--seed", "7")
    result = offline(*args, "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["seed"], answer["nodes"], answer["lines"]) == (7, 3, 4)
    network = read_network(out)
    assert len(network.lines) == 4
    said = offline(*args, "--out", str(tmp_path / "again.json"))
    assert "seed 7" in said.stdout
    assert (tmp_path / "again.json").read_bytes() == out.read_bytes()
    assert "exists already" in one_line(offline(*args, "--out", str(out)), 2)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"a b c", "row 1: five columns, not 3"),
        (b"a b 1 2 3\na b 1 2 x", "row 2: x is no number"),
        (b"", "holds no rows"),
        (b"\xff\xfe b 1 2 3", "row 1: "),
        (gzip.compress(LINKS.encode(), mtime=0)[:-9], "cannot be read: "),
        (b"\x1f\x8bnonsense", "cannot be read: "),
        (b"x" * 5000, "row 1: a row of more than 1000 characters"),
    ],
)
def test_foreign_data_that_is_none(tmp_path: Path, data: bytes, cause: str) -> None:
    source, out = tmp_path / "links.txt", tmp_path / "net.json"
    source.write_bytes(data)
    args = ("--from-format", "credit-links", "--seed", "7", "--out", str(out))
    line = one_line(offline("network", "import", str(source), *args), 2)
    assert line.startswith(f"pledgeway: {source}: ") and cause in line
    assert not out.exists()


def test_edges_both_ways(tmp_path: Path) -> None:
    source, out = tmp_path / "edges.txt", tmp_path / "net.json"
    source.write_text("a b 7\n")
    args = ("--from-format", "edges", "--seed", "7", "--out", str(out), "--brand", "EUR")
    assert offline("network", "import", str(source), *args, "--both-ways").exit_code == 0
    assert [(x.promisor, x.brand, x.available) for x in read_network(out).lines] == [
        ("a", "EUR", 7),
        ("b", "EUR", 7),
    ]
    bad = offline("network", "import", str(source), *args[:-1], " ")
    assert bad.exit_code == 2


# ---------------------------------------------------------------- show

NODE_ROW = {
    "name": "Bob",
    "id": "b0" * 32,
    "alias": "Bob",
    "address": "127.0.0.1:7002",
    "said_us": 1_800_000_000_000_000 - 65_000_000,
    "expires_at_us": 1_800_000_000_000_000,
    "accepts": ["Harbour"],
    "watches_registry": True,
    "hold_max_ms": 60000,
    "fees": {"ATOMIC": {"rate": "1", "flat": 0}, "BARE": {"rate": "1.0065", "flat": 5}},
    "registry_fees": {
        "Harbour": {"in_rate": "1", "in_flat": 0, "out_rate": "1.0005", "out_flat": 3}
    },
    "lines_out": 1,
    "lines_in": 0,
}
LINE_ROW = {
    "from": "Bob",
    "to": "Alice",
    "brand": "USD",
    "available": 500,
    "fees": {"ATOMIC": {"rate": "1", "flat": 2}},
    "registry_fees": None,
    "said_us": None,
    "expires_at_us": 1_800_000_000_000_000,
}
SIZES = {"registries": 1, "policies": 0, "nodes": 90, "lines": 200, "brands": {"USD": 200}}


def says_rows(fake: FakeNode, **sizes: int) -> None:
    about = {"sizes": SIZES | sizes, "at_us": 1_800_000_000_000_000, "skip": 0, "limit": 1}
    fake.says(
        "network.show",
        {"json": about},
        {"json": {"nodes": [NODE_ROW]}},
        {"json": {"lines": [LINE_ROW]}},
        END,
    )


def test_rows_of_a_node(fake: FakeNode) -> None:
    says_rows(fake)
    result = fake.run("network", "show", "--limit", "1")
    assert result.exit_code == 0, result.output
    rows = [" ".join(row.split()) for row in result.stdout.splitlines()]
    assert rows[0] == "90 nodes, 200 lines (USD 200), 1 registry, 0 policies"
    assert (
        "Bob b0b0b0b0b0 Harbour yes A 0, B 0.65 % + 5 1 0 1 min 5 s 2027-01-15 08:00:00 UTC" in rows
    )
    assert "Bob Alice 500 USD A 2 - 2027-01-15 08:00:00 UTC" in rows
    assert "Nodes 1 to 1 of 90; --page 2 shows more." in rows
    assert fake.heard == ("network.show", {"skip": 0, "limit": 1})
    fake.run("network", "show", "--page", "3", "--limit", "7")
    assert fake.heard == ("network.show", {"skip": 14, "limit": 7})


def test_one_node(fake: FakeNode) -> None:
    says_rows(fake, own_lines=1)
    result = fake.run("network", "show", "Bob")
    rows = [" ".join(row.split()) for row in result.stdout.splitlines()]
    for row in (
        "ATOMIC 1 0 100000",
        "SECURED refused",
        "BARE 1.0065 5 100655",
        "said 1 min 5 s ago",
    ):
        assert row in rows, result.stdout
    assert "Harbour 1 0 1.0005 3" in rows
    assert fake.heard == ("network.show", {"skip": 0, "limit": 40, "node": "Bob"})
    answer = json.loads(fake.run("network", "show", "Bob", "--json").stdout)
    assert (answer["nodes"], answer["lines"]) == ([NODE_ROW], [LINE_ROW])


def network_file(tmp_path: Path) -> str:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(FILE))
    return str(path)


def test_rows_of_a_file(tmp_path: Path) -> None:
    file = network_file(tmp_path)
    for args in ((file,), ("--network", file)):
        result = offline("network", "show", *args)
        assert result.exit_code == 0, result.output
        assert "4 nodes, 3 lines (USD 3), 1 registry" in result.stdout
        assert "-" not in result.stdout.split() and "None" not in result.stdout
    alone = offline("network", "show", file, "A")
    assert "1 out, 1 in" in alone.stdout and "3 lines" in alone.stdout
    answer = json.loads(offline("network", "show", file, "--json", "--limit", "2").stdout)
    assert [one["name"] for one in answer["nodes"]] == ["A", "B"]
    assert answer["nodes"][0]["fees"] == FILE["nodes"]["A"]["fees"]
    assert len(answer["lines"]) == 2 and answer["sizes"]["lines"] == 3


def test_files_and_nodes_that_are_not_there(fake: FakeNode, tmp_path: Path) -> None:
    file = network_file(tmp_path)
    assert f"{file}: no node Zoe" in one_line(offline("network", "show", file, "Zoe"), 2)
    missing = str(tmp_path / "x.json")
    assert f"{missing}: cannot be read" in one_line(offline("network", "show", missing), 2)
    assert "one node at a time" in one_line(offline("network", "show", file, "A", "B"), 2)
    assert "no node is running" in one_line(offline("network", "show", "--at", str(tmp_path)), 2)
    fake.says("network.show", {"failure": {"code": "BAD_ARGUMENT", "message": "node: no node Z"}})
    assert "no node Z" in one_line(fake.run("network", "show", "Z"), 2)
