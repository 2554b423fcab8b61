"""`route --draw` and `network draw` as they are typed: the file, the one line, the exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.command.route import route
from pathfinder.answer_json import answer_as_json
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.files.network_file import format_network, write_network
from pathfinder.network import Network
from pathfinder.question import RouteQuestion
from pathfinder.synthetic import synthetic_network
from tests.node.command.conftest import ROOT, FakeNode
from tests.node.command.drawing.chains import chain_network

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.json"
    write_network(path, chain_network(3, 4))
    return path


def ask(file: Path, picture: Path | str, *more: str, amount: int = 100_000) -> Result:
    ends = ("--from", "node 0", "--to", "node 3", "--amount", str(amount))
    return CliRunner().invoke(route, ["--network", str(file), *ends, "--draw", str(picture), *more])


def draw(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["network", "draw", *map(str, arguments)])


def one_line(result: Result, status: int, *said: str) -> None:
    assert (result.exit_code, result.stdout) == (status, ""), result.output
    assert result.stderr.count("\n") == 1
    assert all(text in result.stderr for text in said), result.stderr


# ---------------------------------------------------------------- routes


def test_a_route(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "route.svg"
    result = ask(file, picture)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Registry: R1" in result.stdout, "the table is still there"
    assert "node 0 pays " in "".join(ElementTree.parse(picture).getroot().itertext())


def test_a_route_as_png_beside_json(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "ROUTE.PNG"
    result = ask(file, picture, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["found"]
    assert picture.read_bytes().startswith(PNG_MAGIC)


def test_without_a_chain_there_is_no_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "route.svg"
    result = ask(file, picture, "--json", amount=10**18)
    assert result.exit_code == 1 and not json.loads(result.stdout)["found"]
    assert result.stderr.count("\n") == 1 and "no chain to draw" in result.stderr
    assert not picture.exists()


@pytest.mark.parametrize("name", ["route.jpg", "route", ".svg", "route.svg.gz", ""])
def test_a_name_that_says_no_kind(file: Path, tmp_path: Path, name: str) -> None:
    one_line(ask(file, name), 2, "--draw", ".svg or .png")


def test_files_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.svg"
    there.write_text("mine")
    one_line(ask(file, there), 2, "exists already")
    assert there.read_text() == "mine"
    one_line(ask(file, tmp_path / "no" / "such.svg"), 2, "folder does not exist")
    one_line(ask(file, tmp_path / ("n" * 300 + ".svg")), 2, "cannot be written")
    (tmp_path / "dangling.svg").symlink_to(tmp_path / "nowhere" / "at.svg")
    result = ask(file, tmp_path / "dangling.svg")
    assert result.exit_code == 2 and "dangling.svg: " in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_disk_that_is_full(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "route.svg"
    opened = Path.open

    def full(path: Path, mode: str = "r", **more: Any) -> Any:
        stream = opened(path, mode, **more)
        if mode != "xb":
            return stream
        stream.close()
        return opened(Path("/dev/full"), "wb", buffering=0)

    monkeypatch.setattr(Path, "open", full)
    result = ask(file, picture, "--json")
    assert result.exit_code == 2 and "cannot be written: No space" in result.stderr
    assert not picture.exists()


# ---------------------------------------------------------------- networks


def test_a_network(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "net.svg"
    result = draw(picture, "--network", file, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    about = json.loads(result.stdout)
    assert about["picture"] == str(picture) and about["brand"] == "USD"
    assert about["nodes"] == 8 and about["lines"] >= 7
    assert "node 3" in "".join(ElementTree.parse(picture).getroot().itertext())
    told = draw(tmp_path / "net.png", "--network", file)
    assert (told.exit_code, told.stdout) == (
        0,
        f"{tmp_path / 'net.png'}: 8 nodes, {about['lines']} lines in USD\n",
    )


def pieces(network: Network) -> list[dict[str, Any]]:
    """What a node says of such a network, piece by piece."""
    found = json.loads(format_network(network))
    registries = [["registries", name, {}] for name in found["registries"]]
    policies = [["policies", *entry] for entry in found["policies"].items()]
    nodes = [["nodes", *entry] for entry in found["nodes"].items()]
    lines = [["lines", "", line] for line in found["lines"]]
    said = ({"entries": [*registries, *policies]}, {"entries": [*nodes, *lines], "end": True})
    return [{"json": piece} for piece in said]


def test_the_network_of_a_node(fake: FakeNode, tmp_path: Path) -> None:
    fake.says("network.export", *pieces(synthetic_network(12, 40, Random(1))))
    for option in (("--at", str(fake.directory)), ("--node", str(fake.directory)), ()):
        picture = tmp_path / f"net{len(option)}{option[:1]}.svg"
        result = fake.run("network", "draw", str(picture), *option)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        assert "n05" in picture.read_text()


def test_what_cannot_be_drawn(file: Path, tmp_path: Path, fake: FakeNode) -> None:
    new = tmp_path / "new.svg"
    one_line(draw("net.gif", "--network", file), 2, "PICTURE", ".svg or .png")
    one_line(draw(new, "--network", tmp_path / "missing.json"), 2, "missing.json")
    one_line(draw(new, "--network", file, "--at", tmp_path), 2, "exclude each other")
    one_line(draw(new, "--network", file, "--brand", "EUR"), 2, "no line in EUR")
    empty = tmp_path / "empty.json"
    empty.write_text('{"nodes": {"A": {}}}')
    one_line(draw(new, "--network", empty), 2, "no lines")
    one_line(draw(new, "--at", tmp_path), 2)
    one_line(draw(file.with_suffix(".svg") / "x.svg", "--network", file), 2, "folder")
    strange = {"entries": [["nodes", "A", 5]], "end": True}
    fake.says("network.export", {"json": strange})
    one_line(draw(new, "--at", fake.directory), 2, "cannot be read")
    assert not new.exists()


@pytest.mark.edge
def test_only_a_picture_loads_a_plotting_library(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom node.command.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('matplotlib' in sys.modules, file=sys.stderr)\n"
    )
    question = ("route", "--network", str(file), "--from", "node 0", "--to", "node 3")
    question = (*question, "--amount", "5")
    for arguments, loaded in (
        (("network", "draw", "--help"), "False"),
        (question, "False"),
        ((*question, "--draw", str(tmp_path / "x.svg")), "True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            # Where it cannot keep its cache it would say so at length.
            env=os.environ | {"MPLCONFIGDIR": str(file / "no folder"), "TMPDIR": str(tmp_path)},
        )
        assert done.stderr.splitlines() == [loaded], done.stderr


def test_a_route_that_a_node_found(fake: FakeNode, tmp_path: Path) -> None:
    network = chain_network(3, 4)
    answer = find_route(
        Graph.from_network(network), RouteQuestion("node 0", "node 3", 100_000, brand="USD")
    )
    said = answer_as_json(answer, with_reasons=False)
    asked = {"from": "node 0", "to": "node 3", "brand": "USD"}
    fake.says("route", {"json": {"asked": asked, "answer": said}})
    table = json.loads((fake.directory / "replies.json").read_text())
    table["network.export"] = pieces(network)
    (fake.directory / "replies.json").write_text(json.dumps(table))
    picture = tmp_path / "route.svg"
    options = ("--at", str(fake.directory), "--to", "node 3", "--amount", "100000")
    result = fake.run("route", *options, "--draw", str(picture))
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "extra 3" in picture.read_text(), "the neighbours are those that the node knows"
