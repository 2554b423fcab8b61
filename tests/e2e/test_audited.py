"""Payments over a registry that two witnesses cosign, and what anybody finds out about it after.

The honest registry passes; a second decision in a copy of its log, and statements that its log does
not bear out, become files that other nodes act upon.
"""

import json
import re
import shutil
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import trio
from click.testing import CliRunner, Result

from node.command.processes.town import Town
from node.command.registry import registry
from node.command.verify import verify
from proto.limits import US
from proto.shard import shard_of
from proto.statement import DecisionLeaf, DecisionReason, Statement
from proto.v1 import types_pb2 as pb
from registry.witness.home import WitnessHome
from tests.e2e.cosigners import MMD_US, cosigned_registry, witness
from tests.e2e.forging import Forger, leaf
from tests.e2e.houses import pair_network, pay, request, running, typed, until

pytestmark = pytest.mark.e2e

PAYMENTS = 3
FIRST = 3  # two keys of its own and a fence, which a registry logs before it decides
DROPPED = r"is dropped: DOUBLE_LEAF"


@dataclass(frozen=True)
class Case:
    """Running nodes P and Q, the registry between them, and a folder for what is found."""

    town: Town
    folder: Path

    @property
    def registry(self) -> Forger:
        return Forger(self.town.registries["R1"].directory)

    @property
    def url(self) -> str:
        return self.registry.record.archive_url.removesuffix("/commit/%s")

    @property
    def evidence(self) -> Path:
        """Certificates that the payer keeps, a file each."""
        return self.folder / "evidence"

    async def pay(self, amount: int) -> str:
        """The payment's id."""
        paid = await pay(self.town, "P", (await request(self.town, "Q", amount))["text"])
        assert paid["phase"] == "COMMITTED"
        return str(paid["id"])

    async def keep(self, payment: str, number: int) -> None:
        """A payment's certificate once witnesses have vouched for it."""

        async def proven() -> bool:
            answer = await self.town.houses["P"].control.ask("payment.evidence", id=payment)
            file = b64decode(answer["file"])
            (signed,) = pb.CertificateFile.FromString(file).commit.committed
            (self.evidence / f"{number}.certificate").write_bytes(file)
            return bool(signed.tlog_proof)

        await until("the proof was fetched", proven)

    def decision(self) -> DecisionLeaf:
        """That of the first payment, as its certificate has it."""
        file = pb.CertificateFile.FromString((self.evidence / "0.certificate").read_bytes())
        (signed,) = file.commit.committed
        return DecisionLeaf.decode(Statement.decode(signed.statement).leaf)

    @property
    def shard(self) -> int:
        return shard_of(self.decision().deadline_us)


@asynccontextmanager
async def paid(directory: Path) -> AsyncIterator[Case]:
    homes = [WitnessHome(directory / name) for name in ("w1", "w2")]
    with witness(homes[0].path) as first, witness(homes[1].path) as second:
        command = cosigned_registry((first, second), homes)
        async with running(pair_network(), directory, DROPPED, registry_command=command) as town:
            case = Case(town, directory / "found")
            case.evidence.mkdir(parents=True)
            ids = [await case.pay(700 + number) for number in range(PAYMENTS)]
            for number, payment in enumerate(ids):
                await case.keep(payment, number)
            yield case


async def run(command: click.Command, *words: str) -> Result:
    """A command beside the daemons that it asks."""
    return await trio.to_thread.run_sync(lambda: CliRunner().invoke(command, words))


async def test_what_an_audit_finds(directory: Path) -> None:
    async with paid(directory) as case:
        await require_sound(case)
        await require_statements_compared(case)
        await require_second_decision_found(case)


async def require_sound(case: Case) -> None:
    copy = case.folder / "mirror"
    copied = await run(registry, "mirror", case.url, str(copy))
    assert copied.exit_code == 0, copied.output
    held = ("--statements", str(case.evidence), "--mirror", str(copy))
    sound = await run(registry, "audit", case.url, *held)
    assert sound.exit_code == 0, sound.output
    assert "Nothing is wrong with it." in sound.stdout
    entries = PAYMENTS + FIRST
    assert f"shard {case.shard}: {entries} entries, 0 before" in copied.stdout
    assert re.search(rf"/{case.shard} +{entries} +[0-9a-f]+ +[1-9]", sound.stdout), sound.stdout

    (kept,) = {
        line.strip()
        for line in (await run(verify, str(case.evidence / "0.certificate"))).stdout.split("\n")
        if "witnesses, 2 needed" in line
    }
    assert kept == "2 of 2 witnesses, 2 needed", "the payer has what the others would ask for"


async def require_statements_compared(case: Case) -> None:
    """What somebody was told and the log does not have: E3 at once, E7 once witnesses are late."""
    now_us = time.time_ns() // 1000
    commit = bytes(32)
    lies = case.folder / "lies"
    lies.mkdir()
    recent = leaf(DecisionReason.COMMIT, commit, case.decision().deadline_us)
    (lies / "elsewhere").write_bytes(case.registry.state(recent, 1).encode())
    old = leaf(DecisionReason.COMMIT, commit, now_us - MMD_US - 50 * US)
    (lies / "nowhere").write_bytes(case.registry.state(old, 999).encode())
    out = case.folder / "out"
    words = ("--statements", str(lies), "--out", str(out), "--json")
    found = await run(registry, "audit", case.url, *words)
    assert found.exit_code == 1, found.output
    answer = json.loads(found.stdout)
    assert answer["statements"] == 2
    said = {(f["wrong"], f["kind"]) for f in answer["found"]}
    assert said == {("TWO_ANSWERS", "E1"), ("DIFFERS", "E3"), ("WITHHELD", "E7")}
    for one in answer["found"]:
        require_accepted(Path(one["file"]), one["kind"])


def require_accepted(file: Path, kind: str) -> None:
    """Anybody who is given the file sees what the audit saw."""
    shown = CliRunner().invoke(verify, [str(file)])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("THIS REGISTRY CHEATED")
    assert re.search(rf"^of +{kind}, ", shown.output, re.MULTILINE), shown.output


async def require_second_decision_found(case: Case) -> None:
    """E5: found in a copy of the directory, verified from the file, acted upon by a node."""
    copy = case.folder / "copy"
    shutil.copytree(case.registry.directory, copy)
    first = case.decision()
    index = Forger(copy).append(leaf(DecisionReason.DECLINED, first.commit_id, first.deadline_us))
    out = case.folder / "double"
    found = await run(registry, "audit", str(copy), "--out", str(out))
    assert found.exit_code == 1, found.output
    (file,) = out.iterdir()
    assert f"pledgeway verify {file}" in found.stdout
    assert file.name.startswith(f"E5-{case.shard}-{index}-")
    require_accepted(file, "E5")
    home = str(case.town.houses["P"].daemon.directory)
    dropped = await typed("node", "registry", "expose", str(file), "--node", home)
    assert dropped.returncode == 0, dropped.stderr

    async def heard() -> bool:
        known = (await case.town.houses["Q"].control.ask("registry.list"))["registries"]
        return [r["exposed"] for r in known] == ["DOUBLE_LEAF"]

    await until("the payee has heard of it too", heard)
