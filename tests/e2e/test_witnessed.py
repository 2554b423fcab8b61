"""A registry whose log two witnesses cosign: payments get the proof that they saw it in time."""

import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from node.command.processes.town import Town, run_registry_command
from proto.certificate import CommitCertificate
from proto.lateness import rule_in, timely
from proto.limits import US
from proto.note import NoteKey
from proto.record_parts import RecordWitness
from proto.registry_record import read_record
from proto.v1 import types_pb2 as pb
from registry.config import config_text, read_config
from registry.home import Home
from registry.witness.config import WitnessConfig
from registry.witness.home import WitnessHome, create_witness
from registry.witness.trust import add_log
from tests.e2e.houses import pair_network, pay, request, running, until

pytestmark = pytest.mark.e2e

MMD_US = 4 * US  # so that nodes come back for the proof after a second
RUN = "from node.command.__main__ import main; main()"


@contextmanager
def witness(path: Path) -> Iterator[RecordWitness]:
    """A witness in a process of its own; it ends cleanly."""
    config = WitnessConfig(name=f"{path.name}.example", listen="127.0.0.1:0")
    create_witness(path, config, lambda size: path.name.encode().ljust(size))
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "witness", "run", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            words = dict(w.split("=", 1) for w in process.stdout.readline().split()[1:])
            yield RecordWitness(NoteKey.decode(words["key"]), words["witness"])
            process.terminate()
            assert process.wait(5) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()


def is_proven(file: bytes) -> bool:
    """Whether each statement of a certificate file has its proof, by the records inside."""
    shown = pb.CertificateFile.FromString(file)
    records = [read_record(r.SerializeToString()) for r in shown.records]
    certificate = CommitCertificate.decode(shown.commit.SerializeToString())
    return all(timely(s, records[0], rule_in(records[0])) for s in certificate.statements)


async def evidence(town: Town, payment: str) -> bytes:
    answer = await town.houses["P"].control.ask("payment.evidence", id=payment)
    return b64decode(answer["file"])


async def test_a_payment_gets_the_proof_that_witnesses_saw_it(directory: Path) -> None:
    homes = [WitnessHome(directory / name) for name in ("w1", "w2")]
    with witness(homes[0].path) as first, witness(homes[1].path) as second:

        def witnessed_registry(path: Path) -> tuple[str, ...]:
            home = Home(path)
            config = replace(
                read_config(home.config),
                witnesses=(first, second),
                witness_quorum=2,
                mmd_us=MMD_US,
            )
            home.config.write_text(config_text(config))
            for own in homes:
                add_log(own.logs, home.record)
            return run_registry_command(path)

        network = pair_network()
        async with running(network, directory, registry_command=witnessed_registry) as town:
            paid = await pay(town, "P", (await request(town, "Q", 700))["text"])
            assert paid["phase"] == "COMMITTED"
            assert not is_proven(await evidence(town, paid["id"])), "nobody waited for it"

            async def proven() -> bool:
                return is_proven(await evidence(town, paid["id"]))

            await until("the proof was fetched", proven)
