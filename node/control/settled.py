"""Payments and requests that have left for the archive, found as the live ones are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from node.archive import Archive
from node.control.failure import ControlFailure
from node.core.people.rows import Confirmation
from node.core.rows import Payment, Promise, Request, Transaction
from node.core.settling import Bundle
from node.memory import Memory
from proto.descriptor import transaction_uuid
from runtime.faults import StoreFailed

MAX_FOUND: Final = 16  # beyond it a prefix is too short to name anything
UUID_DIGITS: Final = 12  # of a commit id that its UUID shows unchanged
LEAST_DIGITS: Final = 8  # as many as are shown; fewer name thousands of a large archive


@contextmanager
def answering() -> Iterator[None]:
    """A disk that does not answer is a failure of its own."""
    try:
        yield
    except StoreFailed as failure:
        raise ControlFailure(
            "STORE_FULL", f"the store does not answer: {failure.kind.value}", "try again later"
        ) from failure


class Settled:
    """Memory first, then the archive."""

    def __init__(self, memory: Memory, archive: Archive) -> None:
        self._memory = memory
        self._archive = archive

    def payments(self, named: str) -> list[Payment]:
        """Archived ones, by id prefix or by the UUID of their last transaction."""

        def wanted(payment: Payment) -> bool:
            uuid = str(transaction_uuid(payment.commit)) if payment.commit else ""
            return payment.id.hex().startswith(named.lower()) or uuid == named.lower()

        found = self._by_prefix(named, lambda bundle: any(map(wanted, bundle.payments)))
        return [payment for bundle in found for payment in bundle.payments if wanted(payment)]

    def requests(self, named: str) -> list[Request]:
        """Archived ones, by id prefix."""

        def wanted(request: Request) -> bool:
            return request.id.hex().startswith(named.lower())

        found = self._by_prefix(named, lambda bundle: any(map(wanted, bundle.requests)))
        return [request for bundle in found for request in bundle.requests if wanted(request)]

    def _by_prefix(self, named: str, wanted: Callable[[Bundle], bool]) -> list[Bundle]:
        digits = named.lower().replace("-", "")
        if len(digits) < LEAST_DIGITS or not all(d in "0123456789abcdef" for d in digits):
            return []
        if "-" in named:
            digits = digits[:UUID_DIGITS]
        with answering():
            return self._archive.by_digits(digits, wanted)[:MAX_FOUND]

    def newest_payments(self, most: int) -> list[Payment]:
        """Archived ones, from the latest to leave on."""
        with answering():
            return list(islice(self._archive.newest_payments(), most))

    def payment(self, identity: bytes) -> Payment:
        """One that is known to exist, wherever it lies."""
        row = self._memory.row((Payment.table, identity, b""))
        if row is None:
            with answering():
                found = self._archive.owner(identity)
            owners = found.bundle.payments if found else ()
            row = next((owner for owner in owners if owner.id == identity), None)
        assert isinstance(row, Payment), identity.hex()
        return row

    def paid_in_house(self, request_hash: bytes) -> Confirmation | None:
        """By whose approval a request of this node was paid by another of its people."""
        for row in self._memory.ended_confirmations():
            if row.settlement and row.request_hash == request_hash:
                return row
        with answering():
            return self._archive.paid_in_house(request_hash)

    def transaction(self, commit: bytes) -> Transaction | None:
        row = self._memory.row((Transaction.table, commit, b""))
        if isinstance(row, Transaction) or not commit:
            return row if isinstance(row, Transaction) else None
        bundle = self._bundle(commit)
        return bundle.transaction if bundle else None

    def promises(self, commit: bytes) -> list[Promise]:
        """All that were made under a commit."""
        live = list(self._memory.promises_of(commit))
        if live or not commit:
            return live
        bundle = self._bundle(commit)
        return list(bundle.promises) if bundle else []

    def _bundle(self, commit: bytes) -> Bundle | None:
        with answering():
            found = self._archive.transaction(commit)
        return found.bundle if found else None
