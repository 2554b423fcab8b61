"""What people and programs are told about a fraud file: two commands, one verdict."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import MessageToJson

from node.command.sim.cast import NOW_US
from node.command.verify import verify
from proto.record_parts import KeyRevocation
from proto.v1 import types_pb2 as pb
from tests.registry.cheating import WITNESSES, CheatingRegistry
from tests.registry.fraud_corpus import corpus, write

CASES = {case.name: case for case in corpus()}
GUILTY = "both outcomes"
INNOCENT = "one leaf at two places"


def run(path: Path, data: bytes, *options: str) -> Result:
    file = path / "file"
    file.write_bytes(data)
    return CliRunner().invoke(verify, [str(file), *options])


def encoded(name: str, form: str) -> bytes:
    data = CASES[name].proof.encode()
    return data if form == "protobuf" else MessageToJson(pb.FraudProof.FromString(data)).encode()


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_a_true_accusation(tmp_path: Path, form: str) -> None:
    text = run(tmp_path, encoded(GUILTY, form))
    assert text.exit_code == 0, text.output
    assert text.output.startswith("THIS REGISTRY CHEATED\n")
    for part in ("E1, two decisions", "COMMITTED, COMMIT", "DECLINED", "off your list"):
        assert part in text.output
    answer = json.loads(run(tmp_path, encoded(GUILTY, form), "--json").output)
    assert (answer["guilty"], answer["kind"], answer["ground"]) == (True, "E1", "TWO_DECISIONS")
    assert len(answer["contradiction"]) == 2


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_an_accusation_that_shows_nothing(tmp_path: Path, form: str) -> None:
    text = run(tmp_path, encoded(INNOCENT, form))
    assert (text.exit_code, text.output) == (1, "SHOWS NOTHING (SAME_LEAF): both say the same\n")
    answer = json.loads(run(tmp_path, encoded(INNOCENT, form), "--json").output)
    assert answer == {"guilty": False, "code": "SAME_LEAF", "cause": "both say the same"}


def test_whose_clocks_it_rests_on(tmp_path: Path) -> None:
    proof = next(c.proof for c in CASES.values() if c.expected.name == "WITHHELD")
    text = run(tmp_path, proof.encode())
    assert "vouched by  witness.example/a" in text.output
    assert "It rests on the clocks" in text.output


def test_what_the_verifier_brings_along(tmp_path: Path) -> None:
    """Its newest record, in which the key is revoked; its own witnesses."""
    r = CheatingRegistry("E-one")
    record = tmp_path / "newest.record"
    record.write_bytes(r.make_record((KeyRevocation(r.online.public, NOW_US),), 2).signed)
    text = run(tmp_path, encoded(GUILTY, "protobuf"), "--record", str(record))
    assert (text.exit_code, text.output[:24]) == (1, "SHOWS NOTHING (DEAD_KEY)")
    late = next(c.proof for c in CASES.values() if c.expected.name == "WITHHELD").encode()
    mine = [w.note_key.encode() for w in WITNESSES]
    assert run(tmp_path, late, "--witness", mine[0]).exit_code == 0
    assert run(tmp_path, late, "--witness", mine[2]).exit_code == 1
    all_three = [option for key in mine for option in ("--witness", key)]
    assert run(tmp_path, late, *all_three).exit_code == 0
    assert run(tmp_path, late, *all_three, "--quorum", "3").exit_code == 1
    for bad in (["--quorum", "1"], ["--monitor", "xy"], ["--record", str(tmp_path / "none")]):
        assert run(tmp_path, late, *bad).exit_code == 2


def test_an_accusation_that_is_too_long(tmp_path: Path) -> None:
    text = run(tmp_path, encoded(GUILTY, "protobuf") + bytes(60_000))
    assert text.exit_code == 2
    assert "at most 60000 bytes" in text.output


@pytest.mark.edge
def test_the_module_says_the_same(tmp_path: Path) -> None:
    """It knows nothing of nodes: `python -m registry.fraud`."""
    for name, status, first in ((GUILTY, 0, "THIS REGISTRY"), (INNOCENT, 1, "SHOWS NOTHING")):
        file = tmp_path / "file"
        file.write_bytes(CASES[name].proof.encode())
        command = [sys.executable, "-m", "registry.fraud", str(file)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (status, "")
        assert done.stdout.startswith(first)


VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "fraud"


def test_the_files_for_other_implementations_are_these(tmp_path: Path) -> None:
    """After a change of the corpus: python -m tests.registry.fraud_corpus tests/vectors/fraud"""
    write(tmp_path)
    fresh = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert fresh == {p.name: p.read_bytes() for p in VECTORS.iterdir()}
