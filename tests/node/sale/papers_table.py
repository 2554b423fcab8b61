"""A sale with a real hand-over, whose parties show their papers at every step of it."""

from dataclasses import replace
from functools import cache
from hashlib import sha256

from node.command.sim.cast import R1, RECORDS, digest, signing_key
from node.core.rows import Transaction
from node.core.sale.events import GiveCredential, HandOver
from node.core.sale.reading import contract_of
from node.sale.evidence_log import LogKind, append, head
from node.sale.handover import reseal, seal_credential
from node.sale.papers import papers_of
from node.sale.proving import Proof, prove
from node.sale.vault import Vault
from proto.sale.handover import HandedOver, sign_handed_over
from proto.sale.papers import SalePapers, decode_papers
from proto.sale.stakes import SaleRole
from tests.node.core.sale_stages import COURSE, STAGES, fork
from tests.node.core.sale_table import CHALLENGE, KEY, SaleTable

CREDENTIAL = b"the old pass phrase of lamp.example"
CHANGED = b"another pass phrase of lamp.example"
LATER_US = 10**12  # beyond every guard: when somebody reads the file


class HandingTable(SaleTable):
    """What is sealed and logged is what it says."""

    other: bool = False  # of another sale than the usual one

    def give(self) -> None:
        sally = self.people["sally"]
        agent = contract_of(self.sale("sally")).party(SaleRole.AGENT).box
        mine = Vault(signing_key("sally")).box(self.id, SaleRole.SELLER)
        sealed = seal_credential(CREDENTIAL, self.id, mine, agent, digest("seal")[:32])
        sally.take(GiveCredential(sally.now_us, self.id, sealed))
        self.carry()

    def handing_over(self) -> HandOver:
        now_us, row = self.people[self.agent].now_us, self.sale(self.agent)
        buyer = contract_of(row).party(SaleRole.BUYER).box
        mine = Vault(signing_key(self.agent)).box(self.id, SaleRole.AGENT)
        sealed = reseal(CHANGED, self.id, mine, buyer, KEY, digest("reseal")[:32])
        log: tuple[bytes, ...] = ()
        for kind, what in (
            (LogKind.RECEIVED, row.credential),
            (LogKind.CHECKED, row.credential),
            (LogKind.CHANGED, row.credential),
            (LogKind.RESEALED, sealed),
        ):
            log = append(self.id, log, kind, what, now_us)
        said = HandedOver(
            self.id,
            sha256(KEY).digest(),
            sha256(sealed).digest(),
            head(self.id, log),
            CHALLENGE,
        )
        statement = sign_handed_over(signing_key(self.agent), said)
        return HandOver(now_us, self.id, sealed, statement, log, KEY, digest("salts"))


@cache
def _at(stage: str, arbiter: str, price: int) -> HandingTable:
    at = STAGES.index(stage)
    if at:
        before = fork(_at(STAGES[at - 1], arbiter, price))
        assert isinstance(before, HandingTable)
        table = before
    else:
        stakes = replace(SaleTable().stakes, price=price)
        table = HandingTable(agents=("ned",), arbiter=arbiter, stakes=stakes)
    if stage == "given":
        table.give()
    else:
        COURSE[at](table)
    return table


def handed_at(stage: str, arbiter: str = "", price: int = 1000) -> HandingTable:
    """After this step of the course (tests.node.core.sale_stages.STAGES); the caller's own."""
    table = fork(_at(stage, arbiter, price))
    assert isinstance(table, HandingTable)
    return table


def papers(table: SaleTable, name: str) -> SalePapers:
    """As they come out of the file that this party writes."""
    memory = table.people[name].memory

    def remembered(commit: bytes) -> Transaction | None:
        row = memory.row((Transaction.table, commit, b""))
        return row if isinstance(row, Transaction) else None

    made = papers_of(table.sale(name), remembered, (R1.record,))
    read = decode_papers(made.encode())
    assert read == made
    return read


def proof(shown: SalePapers) -> Proof:
    """What a stranger reads out of them, long after."""
    return prove(shown, {r.registry: r for r in shown.records}, LATER_US + NOW_US)


NOW_US = max(person.now_us for person in SaleTable().people.values())
assert set(RECORDS)
