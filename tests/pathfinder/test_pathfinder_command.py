"""`pledgeway pathfinder ...` and `node pathfinder ...` as they are typed, without daemons."""

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.config import read_config
from proto.card import read_pathfinder_card
from runtime.identity import card, load_identity
from tests.node.command.test_help import commands


@pytest.fixture
def here() -> Iterator[Path]:
    """Short: a socket's path has room for about a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="pw-pf-"))
    yield made
    shutil.rmtree(made)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], env={"NO_COLOR": "1"})


def good(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, (arguments, result.output)
    return result.stdout


def no(status: int, *arguments: str | Path) -> str:
    """The one line that says why not."""
    result = run(*arguments)
    assert result.exit_code == status, (arguments, result.output)
    (line,) = result.stderr.splitlines()
    assert line.startswith("pledgeway")
    return line


def finder(here: Path, name: str = "finder", port: int = 7600) -> Path:
    """A path finder's card; its directory stands beside it."""
    good("pathfinder", "init", here / name, "--name", name, "--listen", f"127.0.0.1:{port}")
    file = here / f"{name}.card"
    file.write_text(good("pathfinder", "card", here / name))
    return file


def node(here: Path, name: str = "alice") -> Path:
    good("node", "init", here / name, "--alias", name, "--listen", "127.0.0.1:7001")
    (here / f"{name}.card").write_text(
        card(load_identity(here / name), name, "127.0.0.1:7001") + "\n"
    )
    return here / name


def test_help_teaches() -> None:
    group = main.get_command(click.Context(main), "pathfinder")
    assert isinstance(group, click.Group)
    for path in commands(group):
        text = good("pathfinder", *path, "--help")
        assert f"pledgeway pathfinder {' '.join(path)}" in text.split("Example", 1)[1]
        if path != ("peer",):
            assert "Exit status: 0" in text
            assert "--json" in text or path == ("run",)


def test_a_path_finder_is_made_and_shows_its_card(here: Path) -> None:
    words = (
        "pathfinder",
        "init",
        here / "f",
        "--name",
        "Finder",
        "--peer-listen",
        "127.0.0.1:7601",
    )
    made = json.loads(good(*words, "--json"))
    assert made["alias"] == "Finder" and made["address"] == "127.0.0.1:7600"
    shown = read_pathfinder_card(good("pathfinder", "card", here / "f"), time.time_ns() // 1000)
    assert shown.node.node.hex() == made["node"] and shown.node.address == "127.0.0.1:7601"
    assert json.loads(good("pathfinder", "card", here / "f", "--json"))["node"] == made["node"]
    assert "exists already" in no(1, *words)
    assert "listen: must be HOST:PORT" in no(2, "pathfinder", "init", here / "g", "--listen", "x")
    assert "nobody can dial" in no(2, "pathfinder", "init", here / "g", "--listen", "0.0.0.0:1")
    assert not (here / "g").exists()
    long = here / ("x" * 120)
    assert "a socket's path" in no(2, "pathfinder", "init", long)


@pytest.mark.parametrize(
    "words", [["run"], ["status"], ["card"], ["stop"], ["peer", "list"], ["peer", "drop", "-", "x"]]
)
def test_only_a_path_finder_is_asked(here: Path, words: list[str]) -> None:
    """`stop` in the folder of a node must not stop the node."""
    verb, rest = [w for w in words if w not in ("-", "x")], words[2:] and ["x"]
    for place, why in ((node(here), "unknown key"), (here / "nowhere", "holds no path finder")):
        assert why in no(2, "pathfinder", *verb, place, *(rest if "drop" in verb else []))


@pytest.mark.edge
def test_an_address_that_is_taken_is_named_in_one_line(here: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        taken, soon_free = (f"127.0.0.1:{s.getsockname()[1]}" for s in (other, free))
        free.close()
        good("pathfinder", "init", here / "f", "--listen", taken)
        good("pathfinder", "init", here / "g", "--listen", soon_free, "--peer-listen", taken)
        for name in "fg":
            line = no(1, "pathfinder", "run", here / name)
            assert f"cannot listen on {taken}: " in line and "config.toml" in line


def test_none_is_running(here: Path) -> None:
    finder(here)
    for verb in ("status", "stop"):
        line = no(2, "pathfinder", verb, here / "finder")
        assert "no path finder is running" in line and "pledgeway pathfinder run" in line


def test_nodes_are_added_listed_and_dropped(here: Path) -> None:
    own = finder(here)
    node(here, "bob")
    home, file = here / "finder", here / "bob.card"
    added = json.loads(good("pathfinder", "peer", "add", home, file, "--json"))
    assert added["alias"] == "bob"
    listed = json.loads(good("pathfinder", "peer", "list", home, "--json"))
    assert listed == {"peers": [added | {"connected": None}], "faults": []}
    assert "bob" in good("pathfinder", "peer", "list", home)
    assert "begins with pledgeway-card:" in no(2, "pathfinder", "peer", "add", home, "/dev/null")
    assert "own card" in no(2, "pathfinder", "peer", "add", home, own)
    assert "neither" in no(2, "pathfinder", "peer", "add", home, here / "nothing")
    assert "no node is called" in no(1, "pathfinder", "peer", "drop", home, "carol")
    good("pathfinder", "peer", "drop", home, added["node"][:8])
    assert "None" in good("pathfinder", "peer", "list", home)
    text = file.read_text().strip()
    assert json.loads(good("pathfinder", "peer", "add", home, text, "--json")) == added


def test_a_node_is_told_whom_to_ask(here: Path) -> None:
    home = node(here)
    first, second = finder(here, "one", 7600), finder(here, "two", 7601)
    config = home / "config.toml"
    before = config.read_text()
    mark = "# the owner's own words\n"
    config.write_text(mark + before)
    words = ("node", "pathfinder")
    assert "None: the node searches by itself" in good(*words, "list", "--node", home)
    good(*words, "use", first, "--node", home)
    answer = json.loads(good(*words, "use", second, "--no-gossip", "--node", home, "--json"))
    assert (answer["named"], answer["gossip"]) == (2, False)
    good(*words, "use", first, "--node", home)  # again: nothing changes
    listed = json.loads(good(*words, "list", "--node", home, "--json"))
    assert [one["alias"] for one in listed["pathfinders"]] == ["one", "two"]
    assert config.read_text().startswith(mark), "what the owner wrote stays"
    assert len(read_config(config).pathfinders) == 2 and not read_config(config).gossip
    assert "no path finder is called" in no(1, *words, "drop", "three", "--node", home)
    good(*words, "drop", "one", "--node", home)
    assert not read_config(config).gossip
    answer = json.loads(good(*words, "drop", "two", "--node", home, "--json"))
    assert answer == {"gossip": True, "named": 0}, "alone it has to hear"
    assert read_config(config) == read_config(config)
    config.write_text(before)
    assert read_config(config).pathfinders == ()


def test_what_is_no_card_changes_nothing(here: Path) -> None:
    home = node(here)
    config = home / "config.toml"
    before = config.read_bytes()
    words = ("node", "pathfinder", "use")
    assert "holds no path finder's card" in no(2, *words, here / "alice.card", "--node", home)
    assert no(2, *words, "pledgeway-pathfinder:!", "--node", home)
    good_card = finder(here).read_text().strip()
    assert no(2, *words, good_card[:-8] + "AAAAAAAA", "--node", home)
    assert config.read_bytes() == before
    config.write_text("alias = 'a'\nnonsense = 1\n")
    assert "unknown key" in no(2, *words, good_card, "--node", home)
    assert [p for p in home.iterdir() if p.suffix == ".draft"] == []


def test_a_node_with_a_card_that_has_ended_does_not_run(here: Path) -> None:
    home = node(here)
    config = home / "config.toml"
    broken = finder(here).read_text().strip()[:-8] + "AAAAAAAA"
    config.write_text(config.read_text().replace("cards = []", f'cards = ["{broken}"]'))
    line = no(2, "node", "run", home)
    assert f"{config}: pathfinder.cards: number 1: " in line


def test_a_node_without_gossip_needs_somebody_to_ask(here: Path) -> None:
    home = node(here)
    config = home / "config.toml"
    config.write_text(config.read_text().replace("gossip = true", "gossip = false"))
    assert "pathfinder.gossip: without gossip somebody must be asked" in no(2, "node", "run", home)


def test_a_directory_that_others_may_enter_is_not_run(here: Path) -> None:
    finder(here)
    (here / "finder").chmod(0o755)
    assert "others may enter" in no(2, "pathfinder", "run", here / "finder")
