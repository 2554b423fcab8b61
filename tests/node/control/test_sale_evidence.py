"""The verb of a sale's papers: what each party's node hands out, read by a stranger."""

from base64 import b64decode, b64encode

from node.command.sim.cast import RECORDS
from node.sale.proving import prove
from proto.sale.papers import decode_papers
from proto.sale.stakes import Branch
from tests.node.control.sale_nodes import NOW_US, Sales
from tests.node.sale.nowhere import found_in

SECRET, CHANGED = b"the old pass phrase", b"the new pass phrase"
LATER_US = NOW_US + 10**12


async def file_of(table: Sales, name: str) -> bytes:
    answer = await table(name, "sale.evidence")
    assert answer["id"] == table.named
    return b64decode(answer["file"])


async def test_the_papers_of_a_sale_from_the_offer_to_the_end() -> None:
    table = Sales()
    await table.opens()
    first = prove(decode_papers(await file_of(table, "sally")), RECORDS, LATER_US)
    assert first.agent is None
    assert first.contract is None
    await table("sally", "sale.bid", agents=["ned"])
    await table("ned", "sale.take")
    await table("sally", "sale.give", credential=b64encode(SECRET).decode())
    await table("ned", "sale.pass_on", credential=b64encode(CHANGED).decode())
    line = (await table("bob", "sale.control", send=True))["line"]
    await table("ned", "sale.attest", proof=line)
    for name in ("bob", "sally", "ned"):
        data = await file_of(table, name)
        papers = decode_papers(data)
        records = {record.registry: record for record in papers.records}
        found = prove(papers, records, LATER_US)
        assert found.branch is Branch.RELEASED, name
        assert found.promised
        assert not found_in(SECRET, data), name
        assert not found_in(CHANGED, data), name
