"""What this node has to show of a sale, gathered into one file (proto.sale.papers).

Nothing secret goes into it: no seed, no key that is not public by a certificate, no plaintext, no
signature towards a decision that is still open (two of them would release the pool), and no vote
before it is open.
"""

from collections.abc import Callable

from node.core.rows import Transaction
from node.core.sale.reading import descriptors_of
from node.core.sale.rows import OPENED, Sale
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.descriptor import commit_id
from proto.escrow.terms import Opening
from proto.registry_record import RegistryRecord
from proto.sale.papers import SalePapers
from proto.sale.stakes import SaleRole

Remembered = Callable[[bytes], Transaction | None]
"""A transaction by its commit_id."""


def papers_of(
    sale: Sale, remembered: Remembered, records: tuple[RegistryRecord, ...]
) -> SalePapers:
    """All that this party has of `sale`. `records`: of the sale's registry, as far as known."""
    arbiter = sale.role is SaleRole.ARBITER  # what it keeps there are words of others, no promises
    return SalePapers(
        offer=sale.offer,
        rules=sale.rules,
        reveals=sale.reveals,
        joins=sale.joins,
        contract=sale.contract,
        agreement=sale.agreement,
        # A contract that this party refused is not kept, and a promise alone is about nothing.
        promise=sale.promise if sale.contract else b"",
        lock=sale.lock,
        openings=tuple(map(Opening.decode, sale.openings)),
        stakes=(b"",) * len(sale.staked) if arbiter else sale.staked,
        statement=sale.statement,
        log=sale.log,
        credential=sale.credential,
        sealed=sale.sealed,
        control=sale.proof or sale.shown,
        vote=sale.vote if sale.voted >= OPENED else b"",
        certificates=_certificates(sale, remembered),
        records=records,
    )


def _certificates(sale: Sale, remembered: Remembered) -> tuple[Certificate, ...]:
    found: list[Certificate] = []
    for data in descriptors_of(sale).values():
        transaction = remembered(commit_id(data))
        if transaction is not None and transaction.commit_certificate:
            found.append(CommitCertificate.decode(transaction.commit_certificate))
        if transaction is not None and transaction.abort_certificate:
            found.append(AbortCertificate.decode(transaction.abort_certificate))
    return tuple(found)
