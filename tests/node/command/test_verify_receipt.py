"""`pledgeway verify receipt` and the commands that write one: exit statuses, words, JSON."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.command.sim.cast import R1, R2, digest
from proto.approval import Approved, sign_approval
from proto.receipt import PaymentReceipt
from proto.request import request_hash
from tests.node.command.conftest import FakeNode
from tests.proto import receipts as r


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lamp.receipt"


def verify(file: Path, receipt: PaymentReceipt, *args: object) -> Result:
    file.write_bytes(receipt.encode())
    words = ["verify", "receipt", str(file), *map(str, args)]
    return CliRunner().invoke(main, words, env={"NO_COLOR": "1"})


def told(file: Path, receipt: PaymentReceipt, *args: object) -> dict[str, object]:
    said: dict[str, object] = json.loads(verify(file, receipt, *args, "--json").stdout)
    return said


def test_what_was_paid_to_whom_comes_first(file: Path) -> None:
    result = verify(file, r.certified())
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "PAID: 700 USD to Lamps"
    assert any(line.startswith("for") and "One lamp" in line for line in lines)
    assert any(line.startswith("registry") and R1.id.hex() in line for line in lines)
    assert "None" not in result.stdout and "rests on" in result.stdout
    assert "--registry" in result.stdout and "logs" in lines[-1]


def test_json_has_every_figure(file: Path) -> None:
    said = told(file, r.certified())
    assert (said["valid"], said["rests_on"], said["amount"]) == (True, "CERTIFIED", 700)
    assert said["order_hash"] == digest("one lamp").hex()
    assert said["payee"] == r.PAYEE.node_id.hex() and said["approved"] is None


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (r.bare(), "no registry decided"),
        (r.in_house(), "the payee's node alone"),
        (r.with_goods(), "with goods, in the same decision"),
        (replace(r.certified(r.ASKED), request=r.asked(r.ASKED)), "The lamp shop"),
    ],
    ids=["bare", "in house", "goods", "asked"],
)
def test_what_it_rests_on_is_said(file: Path, receipt: PaymentReceipt, words: str) -> None:
    result = verify(file, receipt)
    assert result.exit_code == 0 and words in result.stdout


def test_the_reader_says_whom_he_trusts(file: Path, tmp_path: Path) -> None:
    record = tmp_path / "r1.record"
    record.write_bytes(R1.record.signed)
    for mine in (R1.id.hex(), record):
        result = verify(file, r.certified(), "--registry", mine)
        assert result.exit_code == 0 and "--registry" not in result.stdout
    result = verify(file, r.certified(), "--registry", R2.id.hex())
    assert (result.exit_code, "(UNTRUSTED)" in result.stdout) == (1, True)
    result = verify(file, r.certified(), "--registry", "Harbour")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def by(approved: Approved) -> PaymentReceipt:
    return replace(r.certified(), approved=approved.encode())


def test_the_approval_is_verified(file: Path) -> None:
    said = told(file, by(r.by_passkey()))["approved"]
    assert isinstance(said, dict) and said["by"] == "PASSKEY" and said["origin"] == r.ORIGIN
    assert "a passkey on https://bank.example" in verify(file, by(r.by_passkey())).stdout
    own = replace(r.APPROVAL, rp_id="")
    assert r.PAYER.public.hex() in verify(file, by(sign_approval(r.PAYER, own))).stdout
    forged = verify(file, by(r.by_passkey(origin="https://evil.example")))
    assert (forged.exit_code, "(ORIGIN)" in forged.stdout) == (1, True)


def test_a_standing_approval_is_named(file: Path) -> None:
    request = replace(r.REQUEST, under=digest("standing"))
    approval = replace(r.APPROVAL, request_hash=request_hash(r.signed(request)))
    approved = Approved(approval.encode(), request.under)
    receipt = replace(r.certified(request), approved=approved.encode())
    assert f"a standing approval of request {request.under.hex()}" in verify(file, receipt).stdout


def test_what_proves_nothing_says_why(file: Path) -> None:
    broken = replace(r.certified(), amount=1)
    result = verify(file, broken)
    assert result.exit_code == 1
    assert result.stdout == "PROVES NOTHING (AMOUNT): the request does not take that amount\n"
    assert told(file, broken)["code"] == "AMOUNT"
    missing = replace(
        r.certified(), certificate=r.certificate_file(r.descriptor_for(r.REQUEST), R2)
    )
    assert told(file, missing)["code"] == "NOT_A_MEMBER"


def test_what_is_no_receipt_is_unusable(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff")
    for words in (["verify", "receipt", str(file)], ["verify", "receipt", str(tmp_path / "no")]):
        result = CliRunner().invoke(main, words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    file.write_bytes(r.certified().encode())
    result = CliRunner().invoke(main, ["verify", str(file)])
    assert result.exit_code == 2 and "verify receipt" in result.stderr


def test_names_cannot_move_the_cursor(file: Path) -> None:
    """Those that a request may hold are printable already; a requester's name as well."""
    result = verify(file, r.certified(replace(r.REQUEST, payee_alias="\u202elamps")))
    assert result.exit_code == 1 and "(REQUEST)" in result.stdout


@pytest.mark.edge
@pytest.mark.parametrize("group", ["payment", "request"])
def test_a_receipt_is_written_once(fake: FakeNode, tmp_path: Path, group: str) -> None:
    out = tmp_path / "lamp.receipt"
    result = fake.run(group, "receipt", "9a", "-o", str(out))
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"a receipt" and f"verify receipt {out}" in result.stdout
    assert fake.heard == (f"{group}.receipt", {"id": "9a"})
    again = fake.run(group, "receipt", "9a", "--out", str(out))
    assert again.exit_code == 2 and "exists already" in again.stderr
    without = fake.run(group, "receipt", "9a")
    assert without.exit_code == 2 and "--out" in without.stderr
