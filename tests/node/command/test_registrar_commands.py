"""`pledgeway registrar` against a real daemon: what its owner does, and is told when it is a no."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.command.sim.cast import NOW_US, digest, signing_key
from proto.card import NodeCard, sign_card
from proto.escrow.grant import open_grant
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey
from proto.wire import canonical
from runtime.tls import make_tls_identity
from tests.node.command.conftest import ROOT
from tests.proto.successions import FIRST

pytestmark = pytest.mark.e2e
ALICE = signing_key("alice of the commands")
SEAL = SealKey(digest("alice's seal"))


def card() -> str:
    """Alice's, who need not run."""
    tls = make_tls_identity(NOW_US // 2, NOW_US * 2).certificate_der
    keys = ((KeyPurpose.TLS, tls), (KeyPurpose.SEAL, SEAL.public))
    certified = [
        canonical(certify_key(ALICE, KeyCertificate(ALICE.public, p, key, 0, 2**62)))
        for p, key in keys
    ]
    return sign_card(ALICE, NodeCard(ALICE.node_id, "Alice", "localhost:1", tls, *certified))


@dataclass
class Land:
    """One node that keeps titles."""

    folder: Path

    def run(self, *args: str) -> Result:
        node = {"PLEDGEWAY_NODE": str(self.folder / "land")}
        return CliRunner().invoke(main, list(args), env=node)

    def good(self, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code == 0, (args, result.output)
        assert "None" not in result.stdout
        return result.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.good(*args, "--json"))

    def no(self, *args: str, status: int = 1) -> str:
        """One line on standard error."""
        result = self.run(*args)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        assert result.stderr.count("\n") == 1
        return result.stderr


@pytest.fixture(scope="module")
def land() -> Iterator[Land]:
    land = Land(Path(tempfile.mkdtemp(prefix="pw-")))
    home = land.folder / "land"
    assert CliRunner().invoke(main, ["node", "init", str(home), "--alias", "Land"]).exit_code == 0
    config = home / "config.toml"
    begin, section, end = config.read_text().partition("[escrow]")
    end = end.replace('listen = ""', 'listen = "127.0.0.1:0"', 1)
    end = end.replace('address = ""', 'address = "localhost:1"', 1)
    config.write_text(begin + section + end)
    command = [sys.executable, "-m", "node.command", "node", "run", str(home)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: Land ")
        (land.folder / "alice.card").write_text(card())
        yield land
    finally:
        process.terminate()
        status = process.wait(timeout=60)
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(land.folder)
    assert status == 0


def test_from_a_brand_to_an_account(land: Land) -> None:
    alice = str(land.folder / "alice.card")
    nobody = land.no("registrar", "brand", "create", "gold")
    assert "registry accept" in nobody
    record = land.folder / "r.record"
    record.write_bytes(FIRST.signed)
    land.good("node", "registry", "add", str(record), "--accept")
    made = land.json(
        *("registrar", "brand", "create", "Ahern 7", "--type", "parcel", "--vetting", "listed"),
        *("--attr", "region=Ahern", "--attr", "parcel=7", "--longest-lock", "2h"),
    )
    assert made["attributes"] == '{"parcel":7,"region":"Ahern"}'
    assert (made["supply"], made["vetting"], made["longest_lock_s"]) == (1, "LISTED", 7200)
    again = ("registrar", "brand", "create", "Other", "--type", "parcel")
    assert "--attr" in land.no(*again, "--attr", "region=Ahern", "--attr", "parcel=7")
    assert "KEY=VALUE" in land.no(*again, "--attr", "region", status=2)
    land.good("registrar", "brand", "create", "gold", "--supply", "1000", "--fee-rate", "1.01")
    lots = ("registrar", "brand", "create", "share", "--supply", "100", "--lot", "10")
    assert "smallest unit is 10" in land.no(*lots, "--fee-rate", "1.01")
    gold = land.json("registrar", "brand", "show", "gold")
    assert gold["stands_for"] is None
    base = ("--attr", f"base={gold['brand']}", "--attr", "ratio=100")
    land.good("registrar", "brand", "create", "grain", "--supply", "950", *base)
    given = ("registrar", "account", "create", "grain", "--for", alice, "--balance", "901")
    without = open_grant(land.json(*given, "--no-terms")["grant"], ALICE.node_id, SEAL)
    assert (len(without.capability), without.terms) == (32, b"")
    shown = land.good("registrar", "brand", "show", "grain")
    assert f"100 for one {gold['brand'][:10]}: its vault must hold 10" in shown
    listed = land.good("registrar", "brand", "list")
    assert "Ahern 7" in listed and "x1.01 + 0" in listed

    out = land.folder / "alice.grant"
    create = ("registrar", "account", "create", "gold", "--for", alice)
    account = land.json(*create, "--ceiling", "600", "--balance", "500", "--out", str(out))
    assert (account["balance"], account["ceiling"]) == (500, 600)
    grant = open_grant(out.read_text(), ALICE.node_id, SEAL)
    assert grant.account.hex() == account["account"]
    assert grant.described.brand.name == "gold" and len(grant.terms) == 32
    assert "exists already" in land.no(*create, "--out", str(out), status=2)
    assert "100 more than" in land.no(*create, "--balance", "200")
    assert "no such file" in land.no(*create[:-1], "bob.card", status=2)
    assert "--for: no neighbour" in land.no(*create[:-1], "Bob", status=2)
    assert "no brand is called" in land.no(*create[:3], "silver", "--for", alice)
    accounts = land.good("registrar", "account", "list", "gold")
    assert "treasury" in accounts and account["account"][:10] in accounts
    frozen = land.json("registrar", "account", "freeze", account["account"][:8])
    assert frozen["frozen"]
    thawed = land.json("registrar", "account", "freeze", alice, "--brand", "gold", "--thaw")
    assert not thawed["frozen"]
    assert "treasury" in land.no("registrar", "account", "freeze", "Land", "--brand", "gold")


def test_there_are_no_pools_yet(land: Land) -> None:
    assert land.good("registrar", "pools").startswith("No pools under way.")
    assert land.json("registrar", "pools", "--all") == {"pools": [], "more": False}
    assert "--all" in land.no("registrar", "pools", "3fa94c")
    assert "id of a pool" in land.no("registrar", "pools", "--after", "xyz", status=2)


def test_terms_lists_and_the_trail(land: Land) -> None:
    alice = str(land.folder / "alice.card")
    land.run("registrar", "brand", "create", "gold", "--supply", "1000", "--fee-rate", "1.01")
    granted = land.json(
        *("registrar", "terms", "grant", "gold", "--for", alice),
        *("--rate", "1.001", "--hours", "22:00-06:00", "--cap", "100"),
    )
    grant = open_grant(granted["grant"], ALICE.node_id, SEAL)
    assert (grant.account, len(grant.terms)) == (b"", 32)
    wrong = ("registrar", "terms", "grant", "gold", "--for", alice, "--hours", "9-17")
    assert "09:00-17:00" in land.no(*wrong, status=2)
    shown = land.good("registrar", "brand", "show", "gold")
    assert "22:00-06:00" in shown and "every account" in shown and "in use" in shown
    assert "revoked" in land.good("registrar", "terms", "revoke", granted["terms"][:8])
    assert "revoked" in land.good("registrar", "brand", "show", "gold")
    assert land.json("registrar", "issue", "gold", "50")["supply"] == 1050
    change = ("registrar", "brand", "change", "gold")
    changed = land.json(*change, "--fee-rate", "1.02", "--vetting", "listed")
    assert (changed["fee"]["rate"], changed["vetting"], changed["supply"]) == (
        *("1.02", "LISTED"),
        1050,
    )
    assert "x1.02 + 0" in land.good("registrar", "brand", "list")
    assert "1.02" in land.good("registrar", "brand", "show", "gold").split("every account")[1]
    assert "say what is to change" in land.no(*change, status=2)
    assert land.json("registrar", "list", alice)["listed"][0]["node"] == ALICE.public.hex()
    assert "every one" in land.good("registrar", "list")
    assert "Nobody is listed" in land.good("registrar", "list", alice, "--remove")
    assert "Nothing is locked" in land.good("registrar", "legs")
    audited = land.json("registrar", "audit")
    assert audited["differences"] == [] and audited["entries"] >= 2
    assert "none" in land.good("registrar", "audit")


def test_what_is_damaged_ends_with_status_1(land: Land) -> None:
    import sqlite3

    database = land.json("registrar", "audit")["store"]
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE account SET balance = balance + 1 WHERE balance > 0")
    connection.close()
    result = land.run("registrar", "audit")
    assert result.exit_code == 1 and "restore a backup" in result.stderr
    assert "all of them" in result.stdout
