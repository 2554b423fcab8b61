"""`pledgeway pay` from the first promise to the evidence."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.node.command.answers import ABORTED, PAYMENT, PROMISED
from tests.node.command.conftest import ROOT, FakeNode

pytestmark = pytest.mark.edge

TEXT = "pledgeway-request:abc"
ROUTING: dict[str, Any] = {
    **PROMISED,
    "phase": "ROUTING",
    "attempt": 0,
    "cost": 0,
    "hops": [],
    "waits_for": {"what": "a route", "since_us": 1, "until_us": None, "evidence": "none"},
}


def says(fake: FakeNode, *payments: dict[str, Any]) -> None:
    fake.says("pay", *({"json": payment} for payment in payments))


def test_progress_goes_to_standard_error(fake: FakeNode) -> None:
    says(fake, ROUTING, PROMISED, PROMISED, PAYMENT)
    result = fake.run("pay", TEXT)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "ROUTING, attempt 0; waits for a route",
        "PROMISED, attempt 1; costs 705 USD; waits for the payee's commit, until"
        " 2026-11-18 11:06:50 UTC at most",
    ]
    assert "state        COMMITTED" in result.stdout
    assert "cost         705 USD" in result.stdout
    assert "PROMISED" not in result.stdout


def test_json_is_the_last_payment_alone(fake: FakeNode) -> None:
    says(fake, ROUTING, PROMISED, PAYMENT)
    result = fake.run("pay", TEXT, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == PAYMENT


def test_not_paid_is_a_no_with_its_reason(fake: FakeNode) -> None:
    says(fake, PROMISED, ABORTED)
    result = fake.run("pay", TEXT)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "pledgeway: not paid: a line further along is short by 350 USD;"
        " ask for less or try another route"
    )
    told = {**ABORTED, "because": {"reason": "NO_ROUTE", "figure": 0, "text": "Bob is away"}}
    says(fake, told)
    assert "not paid: Bob is away" in fake.run("pay", TEXT).stderr
    says(fake, {**ABORTED, "because": None})
    assert "not paid: the payment was aborted" in fake.run("pay", TEXT).stderr
    says(fake, {**ABORTED, "because": {"reason": "NEW_REASON", "figure": 1}})
    assert "not paid: NEW_REASON" in fake.run("pay", TEXT).stderr


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["people", "json"])
def test_an_open_end_is_neither_yes_nor_no(fake: FakeNode, more: tuple[str, ...]) -> None:
    fake.says("pay", {"json": ROUTING}, payment_show={"json": PROMISED})
    result = fake.run("pay", TEXT, *more)
    assert result.exit_code == 3
    assert "pledgeway payment show 9a9a9a9a9a" in result.stderr
    assert fake.heard == ("payment.show", {"id": PAYMENT["id"]})
    if more:
        assert json.loads(result.stdout) == PROMISED
    else:
        assert "waits for    the payee's commit" in result.stdout


def test_an_open_end_may_have_closed(fake: FakeNode) -> None:
    fake.says("pay", {"json": PROMISED}, payment_show={"json": PAYMENT})
    assert fake.run("pay", TEXT).exit_code == 0
    fake.says("pay", {"json": PROMISED}, payment_show={"failure": {"code": "NOT_FOUND"}})
    result = fake.run("pay", TEXT, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (3, PROMISED)


def test_no_word_at_all_is_neither_yes_nor_no(fake: FakeNode) -> None:
    says(fake)
    result = fake.run("pay", TEXT)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "pledgeway payment list" in result.stderr


def test_a_refusal(fake: FakeNode) -> None:
    fake.says("pay", {"json": ROUTING}, {"failure": {"code": "COST_ABOVE_MAX", "figure": 5}})
    result = fake.run("pay", TEXT)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "the cheapest chain costs more than allowed, by 5 units" in result.stderr
    assert "raise --max-cost" in result.stderr


def test_evidence_is_written(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "lamp.evidence"
    result = fake.run("pay", TEXT, "--evidence", str(file))
    assert result.exit_code == 0
    assert file.read_bytes() == b"\x0a\x01proof"
    assert f"pledgeway verify {file}" in result.stdout
    assert fake.heard == ("payment.evidence", {"id": PAYMENT["id"][:10]})


def test_evidence_with_json_prints_the_payment_alone(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "lamp.evidence"
    result = fake.run("pay", TEXT, "--evidence", str(file), "--json")
    assert json.loads(result.stdout) == PAYMENT
    assert file.read_bytes() == b"\x0a\x01proof"


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["people", "json"])
def test_paid_stays_paid_without_evidence(
    fake: FakeNode, tmp_path: Path, more: tuple[str, ...]
) -> None:
    fake.says("payment.evidence", {"failure": {"code": "NOT_FOUND", "message": "no certificate"}})
    file = tmp_path / "lamp.evidence"
    result = fake.run("pay", TEXT, "--evidence", str(file), *more)
    assert result.exit_code == 0
    assert f"paid, but {file} is not written: no certificate" in result.stderr
    assert not file.exists()
    if more:
        assert json.loads(result.stdout) == PAYMENT


def test_no_evidence_of_what_was_not_paid(fake: FakeNode, tmp_path: Path) -> None:
    says(fake, ABORTED)
    file = tmp_path / "lamp.evidence"
    assert fake.run("pay", TEXT, "--evidence", str(file)).exit_code == 1
    assert not file.exists()
    assert fake.heard[0] == "pay"


def test_evidence_later(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "lamp.evidence"
    result = fake.run("payment", "evidence", "9a9a", "--out", str(file))
    assert result.exit_code == 0
    assert result.stdout.startswith("commit certificate written")
    assert file.read_bytes() == b"\x0a\x01proof"
    fake.says("payment.evidence", {"failure": {"code": "NOT_FOUND", "message": "none"}})
    other = tmp_path / "other"
    result = fake.run("payment", "evidence", "9a9a", "--out", str(other))
    assert result.exit_code == 1
    assert not other.exists()


def test_a_request_goes_to_a_new_file(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "invoice.txt"
    result = fake.run("request", "create", "700", "USD", "--out", str(file))
    assert result.exit_code == 0
    assert file.read_text() == f"{TEXT}\n"
    assert f"pledgeway pay {file}" in result.stdout


def test_a_request_alone_is_ready_to_be_piped(fake: FakeNode) -> None:
    assert fake.run("request", "create", "700", "USD").stdout == f"{TEXT}\n"


def test_patience_ends(fake: FakeNode) -> None:
    fake.says("pay", {"json": ROUTING}, {"hang": True}, payment_show={"json": PROMISED})
    result = fake.run("pay", TEXT, "--wait", "1s", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == PROMISED
    assert result.stderr == (
        "pledgeway: not decided yet, and it goes on: see `pledgeway payment show 9a9a9a9a9a`\n"
    )


def test_going_away_leaves_the_payment(fake: FakeNode) -> None:
    fake.says("pay", {"json": PROMISED}, {"hang": True})
    process = subprocess.Popen(
        [sys.executable, "-m", "node.command", "pay", TEXT, "--node", str(fake.directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("PROMISED")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert err.splitlines() == [
        "pledgeway: the payment goes on without you: see `pledgeway payment list`"
    ]
