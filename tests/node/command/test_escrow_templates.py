"""`pledgeway escrow templates` and `explain` as people type them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.escrow.library import CASES, NAMES, library, library_bytes
from node.escrow.plan import compile_plan
from proto.limits import MAX_TEMPLATE_BYTES
from tests.node.command.conftest import ROOT
from tests.node.escrow.cases import ALL, Case
from tests.node.escrow.rights import by_guid, node


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["escrow", *map(str, arguments)])


def good(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, (arguments, result.output)
    return result.stdout


def no(status: int, *arguments: str | Path) -> str:
    """The one line that says why not."""
    result = run(*arguments)
    assert result.exit_code == status, (arguments, result.output)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("pledgeway: ")
    return line


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node's home as far as templates go: it need not run."""
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "templates").mkdir()
    return tmp_path


def mine(name: str = "my sale") -> str:
    return library_bytes("buy object").decode().replace("buy object", name)


# ---------------------------------------------------------------- templates


def test_the_list_tells_what_happens() -> None:
    text = good("templates")
    for name, template in library().items():
        (line,) = [x for x in text.splitlines() if x.startswith(f"{name}  ")]
        assert template.about in line
        assert all(seat.name in line for seat in template.seats)
    assert "pledgeway escrow explain" in text
    told = json.loads(good("templates", "--json"))["templates"]
    assert [row["template"] for row in told] == list(NAMES)
    assert all(row["ships"] and len(row["sha256"]) == 64 for row in told)
    assert told[CASES.index("deed parcel and tier")]["signs"] == ["group"]


def test_own_templates_are_listed_beside_them(home: Path) -> None:
    (home / "templates" / "sale.json").write_text(mine())
    (home / "templates" / ".sale.json.swp").write_text("left by an editor")
    (home / "templates" / "notes.txt").write_text("no template")
    text = good("templates", "--node", home)
    assert text.startswith("Yours:") and "my sale" in text and "buy object" in text
    told = json.loads(good("templates", "--node", home, "--json"))["templates"]
    assert [row["template"] for row in told if not row["ships"]] == ["my sale"]
    assert "template      my sale, version 1 (no template that ships)" in good(
        "explain", "my-sale", "--node", home
    )


def test_a_node_without_a_folder_has_none_of_its_own(home: Path) -> None:
    (home / "templates").rmdir()
    assert "Yours" not in good("templates", "--node", home)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (mine("gift"), "'gift' is a template that ships: give it another name"),
        ("{", "template: is not JSON: line 1"),
        (mine().replace('"seller"', '"sel\\u001bler"'), "seats[1]: 'sel\\x1bler' is no name"),
        (mine() + " " * MAX_TEMPLATE_BYTES, f"has more than {MAX_TEMPLATE_BYTES} bytes"),
    ],
)
def test_an_own_template_that_cannot_be_used(home: Path, text: str, cause: str) -> None:
    path = home / "templates" / "sale.json"
    path.write_text(text)
    for arguments in (("templates",), ("explain", "my-sale")):
        line = no(2, *arguments, "--node", home)
        assert str(path) in line and cause in line
    assert cause in no(2, "explain", "--file", path)
    good("explain", "gift", "--node", home)  # what ships is found without it


def test_one_name_in_two_files(home: Path) -> None:
    for name in ("a.json", "b.json"):
        (home / "templates" / name).write_text(mine())
    line = no(2, "templates", "--node", home)
    assert f"{home}/templates/b.json: 'my sale' is in another file" in line


def test_no_node_there(tmp_path: Path) -> None:
    assert "pledgeway node init" in no(2, "templates", "--node", tmp_path / "nowhere")


# ---------------------------------------------------------------- explain


def test_who_gives_gets_wants_and_signs() -> None:
    text = good("explain", "buy parcel for group")
    seats = text.split("signs", 1)[1].split("--set", 1)[0]
    rows = {x.split()[0]: x for x in seats.splitlines() if x and x[0].isalpha()}
    assert "parcel (2) reaches group" in rows["buyer"] and rows["buyer"].rstrip().endswith("yes")
    assert "payment (1)" in rows["seller"] and rows["seller"].rstrip().endswith("yes")
    assert " 1  buyer  ──▶ seller  <amount> <brand>" in text
    parcel = "parcel (region <region>, parcel_id <parcel_id>, kept by any registrar)"
    assert f" 2  seller ──▶ group   {parcel}" in text
    assert "Still to fill in: buyer, seller, group, brand, amount, region, parcel_id" in text
    gift = good("explain", "gift")
    assert "agrees by locking" in gift and "within a minute" in gift
    assert "within a minute" not in good("explain", "swap")


def settings(case: Case) -> list[str]:
    people = [f"--set={seat}={node(seat).hex()}" for seat in case.seats]
    return people + [f"--set={name}={value}" for name, value in case.values.items()]


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.name)
def test_what_is_filled_in_is_what_a_proposal_carries(case: Case) -> None:
    told = json.loads(good("explain", case.name, *settings(case), "--json"))
    assert told["missing"] == []
    assert told["instance"].encode() == case.instance
    plan = compile_plan(library_bytes(case.name), told["instance"].encode(), by_guid(*case.rights))
    legs = [(leg["no"], leg["from"], leg["to"]) for leg in told["legs"]]
    assert legs == [(leg.no, leg.from_seat, leg.to_seat) for leg in plan.legs]
    for leg, compiled in zip(told["legs"], plan.legs, strict=True):
        assert leg["amount"] in (None, compiled.amount)
    assert [s["wants"] for s in told["seats"]] == [list(s.wants) for s in plan.seats]
    text = good("explain", case.name, *settings(case))
    assert "<" not in text and "All is filled in." in text


def test_values_are_shown_in_the_legs() -> None:
    text = good("explain", "split-dollar", "--set", "dollars=3", f"--set=holder={'ab' * 32}")
    assert "3 of a right (brand <dollar>, kept by any registrar)" in text
    assert "300 of a right (brand <penny>, kept by mint)" in text
    assert "ababababab" in text and "Still to fill in: mint, dollar, penny" in text


@pytest.mark.parametrize(
    ("arguments", "status", "cause"),
    [
        (["byu object"], 1, "did you mean 'buy object'? `pledgeway escrow templates` lists all"),
        (["\x1b[2Jx"], 1, "there is no template"),
        ([], 2, "name one template, or a file with --file"),
        (["gift", "--file", "x"], 2, "name one template, or a file with --file"),
        (["--file", "nowhere.json"], 2, "nowhere.json: cannot be read: No such file"),
        (["gift", "--set", "amount"], 2, "--set amount: say NAME=VALUE"),
        (["gift", "--set", "amount=1", "--set", "amount=2"], 2, "--set amount: said twice"),
        (["gift", "--set", "amount=0"], 2, "instance: amount: 0 is no amount from 1"),
        (["gift", "--set", "amount=1_0"], 2, "instance: amount: '1_0' is no whole number"),
        (["gift", "--set", "amount=" + "9" * 40], 2, "is no whole number"),
        (["gift", "--set", "giver=Ann"], 2, "instance: giver: 'Ann' is no node id"),
        (["gift", "--set", "tip=1"], 2, "what is: giver, receiver, brand, amount"),
        (["gift", "--set", "brand=\x1b[2J"], 2, "instance: brand: "),
    ],
)
def test_endings(arguments: list[str], status: int, cause: str) -> None:
    line = no(status, "explain", *arguments)
    assert cause in line and line.isprintable()


def test_a_number_in_quotes_is_a_text() -> None:
    told = json.loads(
        good("explain", "friendship", "--set=name_of_A=7", '--set=name_of_B="7"', "--json")
    )
    found = {x["name"]: x["value"] for x in told["fill_in"]}
    assert (found["name_of_A"], found["name_of_B"]) == (7, "7")


def test_the_source_is_a_file_to_begin_with(tmp_path: Path) -> None:
    source = good("explain", "buy-object", "--source")
    assert source.encode() == library_bytes("buy object")
    path = tmp_path / "mine.json"
    path.write_text(source)
    assert "is a template that ships: give it another name" in no(2, "explain", "--file", path)
    path.write_text(source.replace("buy object", "my sale"))
    assert "my sale, version 1" in good("explain", "--file", path)


@pytest.mark.parametrize("path", [(), ("templates",), ("explain",)])
def test_help_teaches(path: tuple[str, ...]) -> None:
    text = good(*path, "--help")
    assert f"pledgeway escrow {' '.join(path)}".rstrip() in text.split("Example", 1)[1]
    assert not path or ("Exit status: 0" in text and "--json" in text)


@pytest.mark.edge
def test_colours_and_escapes_stay_out_of_a_pipe() -> None:
    command = [sys.executable, "-m", "node.command", "escrow", "explain", "gift"]
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True)
    assert done.returncode == 0 and "\x1b" not in done.stdout and "gift" in done.stdout
