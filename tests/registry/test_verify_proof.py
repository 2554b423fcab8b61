"""`pledgeway verify` of a certificate: what it shows of logs and witnesses, and what that means."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.sim.cast import R1, R2, TWO_OF_THREE, digest
from node.command.verify import verify
from node.command.verify_proof import NOT_YET, UNWITNESSED, WITNESSED
from proto.limits import US
from proto.statement import DecisionLeaf, SignedStatement, Statement
from proto.v1 import types_pb2 as pb
from tests.proto.build import DESCRIPTOR
from tests.proto.witnessed import NAMES, SIZE, W1, WitnessedRegistry, witnessed
from tests.registry.test_verify import commit_file

SHARED = replace(DESCRIPTOR, policy=TWO_OF_THREE)
SEEN_S = {0: 1_790_000_000, 1: 1_790_000_003}
NOT_YET_R1 = NOT_YET.format(silent=R1.name)

Change = Callable[[SignedStatement], SignedStatement]


def shown(path: Path, file: pb.CertificateFile) -> tuple[dict[str, object], str]:
    """The JSON, and what people read."""
    certificate = path / "certificate"
    certificate.write_bytes(file.SerializeToString())
    text, parsed = (CliRunner().invoke(verify, [str(certificate), *o]) for o in ((), ("--json",)))
    assert (text.exit_code, parsed.exit_code) == (0, 0), text.output
    return json.loads(parsed.output), text.output


def with_statement(change: Change, registry: WitnessedRegistry = W1) -> pb.CertificateFile:
    file = commit_file(DESCRIPTOR, registry)
    signed = SignedStatement.from_message(file.commit.committed[0])
    file.commit.committed[0].CopyFrom(change(signed).to_message())
    return file


def test_who_saw_it_and_when(tmp_path: Path) -> None:
    answer, text = shown(tmp_path, with_statement(lambda s: W1.proof(s, SEEN_S)))
    (statement,) = answer["statements"]  # type: ignore[misc, union-attr]
    assert statement["log_proof"] == {
        "size": SIZE,
        "cosigned": [{"witness": NAMES[i], "at_us": at_s * US} for i, at_s in SEEN_S.items()],
    }
    assert f"in the log's checkpoint of {SIZE} entries" in text
    assert f"cosigned by {NAMES[1]} at 2026-09-21 14:13:23 UTC" in text
    assert "2 of 3 witnesses, 2 needed" in text
    assert WITNESSED in text and WITNESSED in answer["does_not_prove"]  # type: ignore[operator]


def test_too_few_have_seen_it(tmp_path: Path) -> None:
    answer, text = shown(tmp_path, with_statement(lambda s: W1.proof(s, {2: 1_790_000_000})))
    (statement,) = answer["statements"]  # type: ignore[misc, union-attr]
    assert [c["witness"] for c in statement["log_proof"]["cosigned"]] == [NAMES[2]]
    assert "1 of 3 witnesses, 2 needed" in text
    assert NOT_YET_R1 in text


def another_leaf(signed: SignedStatement) -> SignedStatement:
    leaf = DecisionLeaf.decode(Statement.decode(signed.statement).leaf)
    return W1.proof(signed, SEEN_S, leaf=replace(leaf, commit_id=digest("other")).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s,
        lambda s: replace(s, tlog_proof=b"c2sp.org/tlog-proof@v1\nindex 1\n\nx"),
        lambda s: W1.proof(s, SEEN_S, index=3),
        lambda s: W1.proof(s, SEEN_S, key=W1.online),
        another_leaf,
    ],
    ids=["none", "broken", "another place", "another key", "another leaf"],
)
def test_what_is_no_proof(tmp_path: Path, change: Change) -> None:
    answer, text = shown(tmp_path, with_statement(change))
    (statement,) = answer["statements"]  # type: ignore[misc, union-attr]
    assert statement["log_proof"] is None
    assert "no log proof: its witnesses' proof comes later" in text
    assert NOT_YET_R1 in text


def test_a_registry_without_witnesses(tmp_path: Path) -> None:
    answer, text = shown(tmp_path, commit_file(DESCRIPTOR, R1))
    assert "no log proof" in [line.strip() for line in text.splitlines()]
    assert UNWITNESSED in answer["does_not_prove"]  # type: ignore[operator]


def test_witnesses_that_nobody_needs_say_when_all_the_same(tmp_path: Path) -> None:
    """Its record asks for none of them: then they vouch for nothing."""
    lax = witnessed(quorum=0)
    _, text = shown(tmp_path, with_statement(lambda s: lax.proof(s, SEEN_S), lax))
    assert f"cosigned by {NAMES[0]}" in text
    assert NOT_YET_R1 in text


def test_one_silent_member_is_named(tmp_path: Path) -> None:
    file = commit_file(SHARED, replace(W1, proves=True), witnessed(R2))
    _, text = shown(tmp_path, file)
    assert WITNESSED not in text
    assert NOT_YET.format(silent=R2.name) in text
