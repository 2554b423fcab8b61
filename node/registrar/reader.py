"""What is read of the registrar's books beside the batches: for strangers, for the owner."""

from collections.abc import Sequence

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from node.registrar.examining import Examined, examine
from node.registrar.pool_reader import PoolReader
from node.registrar.reading import MANY, PAGE, Reading, between
from node.registrar.rows import Account, Brand, Leg, Listing, Terms
from node.registrar.tables import account, brand, leg, listing, terms
from proto.escrow.ops import LegPhase
from proto.limits import ACCOUNT_ID_BYTES
from proto.money import BRAND_ID_BYTES
from runtime.faults import StoreFailed, fault_of


class Reader(Reading):
    """Of titles; `pools` reads what sales have. StoreFailed from every method."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.pools = PoolReader(engine)

    def brands(
        self, guids: Sequence[bytes], kind: str, attributes: str, after: bytes, limit: int
    ) -> list[Brand]:
        """By GUID from `after` on; `kind` and `attributes` empty: any."""
        query = select(brand).where(brand.c.guid > after).order_by(brand.c.guid).limit(limit)
        if guids:
            query = query.where(brand.c.guid.in_(guids))
        if kind:
            query = query.where(brand.c.kind == kind)
        if attributes:
            query = query.where(brand.c.attributes == attributes)
        return self._rows(Brand, query)

    def brands_called(self, named: str) -> list[Brand]:
        """Of this name, or whose GUID begins with these hex digits; two are enough to see that it
        is not one."""
        called = self._rows(Brand, select(brand).where(brand.c.name == named).limit(2))
        begins = between(named, BRAND_ID_BYTES)
        if called or begins is None:
            return called
        return self._rows(Brand, select(brand).where(brand.c.guid.between(*begins)).limit(2))

    def legs_of(self, commits: Sequence[bytes]) -> list[Leg]:
        """Of these transactions, by number."""
        query = select(leg).where(leg.c.commit.in_(commits)).order_by(leg.c.commit, leg.c.no)
        return self._rows(Leg, query)

    def due(self, now_us: int) -> dict[bytes, bytes]:
        """Descriptors of transactions that must be decided by now, by their commit_id; those that
        wait longest."""
        query = select(leg.c.commit, leg.c.descriptor).where(leg.c.final_after_us < now_us)
        query = query.where(leg.c.phase == int(LegPhase.PREPARED)).order_by(leg.c.final_after_us)
        return {row["commit"]: row["descriptor"] for row in self._all(query.limit(MANY))}

    def legs_in(self, *phases: LegPhase) -> list[Leg]:
        """Those in these phases, the longest waiting first; one more than a page."""
        query = select(leg).where(leg.c.phase.in_([int(phase) for phase in phases]))
        return self._rows(Leg, query.order_by(leg.c.final_after_us, leg.c.commit).limit(PAGE + 1))

    def accounts(self, guid: bytes, after: bytes = b"", limit: int = PAGE) -> list[Account]:
        """Of a brand, by id."""
        query = select(account).where(account.c.brand == guid, account.c.id > after)
        return self._rows(Account, query.order_by(account.c.id).limit(limit))

    def account(self, key: bytes) -> Account | None:
        """By its id."""
        found = self._rows(Account, select(account).where(account.c.id == key))
        return found[0] if found else None

    def accounts_called(self, named: str) -> list[Account]:
        """Those whose id begins with these hex digits, at most two."""
        begins = between(named, ACCOUNT_ID_BYTES)
        if begins is None:
            return []
        query = select(account).where(account.c.id.between(*begins)).limit(2)
        return self._rows(Account, query)

    def terms_called(self, named: str) -> list[Terms]:
        """Those whose id begins with these hex digits, at most two."""
        begins = between(named, ACCOUNT_ID_BYTES)
        if begins is None:
            return []
        return self._rows(Terms, select(terms).where(terms.c.id.between(*begins)).limit(2))

    def terms(self, guid: bytes) -> list[Terms]:
        """All terms of a brand; those that come with its accounts first."""
        query = select(terms).where(terms.c.brand == guid).order_by(terms.c.id != guid, terms.c.id)
        return self._rows(Terms, query)

    def listings(self) -> list[Listing]:
        """Who may own what."""
        query = select(listing).order_by(listing.c.brand, listing.c.node).limit(PAGE)
        return self._rows(Listing, query)

    def count_accounts(self, guid: bytes) -> int:
        """How many nodes have an account of the brand."""
        query = select(func.count()).where(account.c.brand == guid)
        return int(next(iter(self._all(query)[0].values())))

    def examine(self) -> Examined:
        """Replays the audit trail at one moment and compares it with what is in the books."""
        try:
            with self._engine.connect() as connection, connection.begin():
                return examine(connection)
        except DBAPIError as error:
            raise StoreFailed(fault_of(error)) from error
