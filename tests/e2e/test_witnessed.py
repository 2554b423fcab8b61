"""A registry whose log two witnesses cosign: payments get the proof that they saw it in time."""

from base64 import b64decode
from pathlib import Path

import pytest

from node.command.processes.town import Town
from proto.certificate import CommitCertificate
from proto.lateness import rule_in, timely
from proto.registry_record import read_record
from proto.v1 import types_pb2 as pb
from registry.witness.home import WitnessHome
from tests.e2e.cosigners import cosigned_registry, witness
from tests.e2e.houses import pair_network, pay, request, running, until

pytestmark = pytest.mark.e2e


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
        command = cosigned_registry((first, second), homes)
        network = pair_network()
        async with running(network, directory, registry_command=command) as town:
            paid = await pay(town, "P", (await request(town, "Q", 700))["text"])
            assert paid["phase"] == "COMMITTED"
            assert not is_proven(await evidence(town, paid["id"])), "nobody waited for it"

            async def proven() -> bool:
                return is_proven(await evidence(town, paid["id"]))

            await until("the proof was fetched", proven)
