"""Watches the registrars: after every transaction of their books, what stands there must hold.

K1, K3 and K5 of escrow section 1, summed up from the tables themselves and from what the registries
have really decided; nothing of the registrar's own arithmetic is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, func, select

from node.command.sim.oracle.decisions import Decisions
from node.registrar.rows import Act
from node.registrar.tables import account, audit, brand, hold, leg
from proto.descriptor import decode_descriptor
from proto.escrow.ops import LegPhase
from proto.escrow.rights import read_right
from proto.statement import Outcome

Wrong = tuple[str, str]
"""(promise of escrow section 1, what is wrong)."""

ENDS = {LegPhase.DELIVERED: Outcome.COMMITTED, LegPhase.RETURNED: Outcome.NOT_COMMITTED}


@dataclass(frozen=True, slots=True)
class SeenLeg:
    """A leg in the books. `receiver`: the account it goes to."""

    keeper: str
    commit: bytes
    no: int
    phase: LegPhase
    brand: bytes
    amount: int
    receiver: bytes


@dataclass
class Titles:
    """What stands in the books of every registrar, and what stood there before."""

    engines: dict[str, Engine]
    decisions: Decisions
    legs: dict[tuple[str, bytes, int], SeenLeg] = field(default_factory=dict)
    supplies: dict[bytes, int] = field(default_factory=dict)

    def look(self, keeper: str) -> Iterator[Wrong]:
        """After a transaction of this registrar."""
        with self.engines[keeper].connect() as connection:
            yield from self._conserved(connection)
            yield from self._legs(connection, keeper)

    def _conserved(self, connection: Connection) -> Iterator[Wrong]:
        totals: dict[bytes, int] = {}
        in_holds = select(account.c.brand, func.sum(hold.c.amount)).where(
            account.c.id == hold.c.account
        )
        prepared = leg.c.phase == int(LegPhase.PREPARED)
        for query in (
            select(account.c.brand, func.sum(account.c.balance)).group_by(account.c.brand),
            in_holds.group_by(account.c.brand),
            select(leg.c.brand, func.sum(leg.c.amount)).where(prepared).group_by(leg.c.brand),
        ):
            for guid, amount in connection.execute(query):
                totals[guid] = totals.get(guid, 0) + int(amount)
        for guid, signed in connection.execute(select(brand.c.guid, brand.c.signed)):
            if guid not in self.supplies:
                self.supplies[guid] = read_right(signed).supply
            if totals.get(guid, 0) != self.supplies[guid]:
                found = totals.get(guid, 0)
                yield "K3", f"{found} of brand {guid.hex()[:8]}, {self.supplies[guid]} issued"

    def _legs(self, connection: Connection, keeper: str) -> Iterator[Wrong]:
        query = select(
            leg.c.commit, leg.c.no, leg.c.phase, leg.c.brand, leg.c.amount, leg.c.destination,
            leg.c.descriptor,
        )  # fmt: skip
        for commit, no, number, guid, amount, receiver, descriptor in connection.execute(query):
            phase = LegPhase(number)
            seen = SeenLeg(keeper, commit, no, phase, guid, amount, receiver)
            before = self.legs.get((keeper, commit, no))
            self.legs[keeper, commit, no] = seen
            if before is not None and before.phase is phase:
                continue
            named = f"leg {no} of {commit.hex()[:8]}"
            if before is not None and before.phase is not LegPhase.PREPARED:
                yield "K5", f"{named} ended as {before.phase.name}, then as {phase.name}"
            if phase in ENDS:
                policy = decode_descriptor(descriptor).policy
                if not self.decisions.can_be(ENDS[phase], commit, policy):
                    yield "K1", f"{named} is {phase.name}, and no registry has said so"
        yield from self._once(connection)

    def _once(self, connection: Connection) -> Iterator[Wrong]:
        moved = select(audit.c.commit, audit.c.no, func.count()).where(
            audit.c.act.in_([int(Act.LEG), int(Act.LATE_LEG)])
        )
        for commit, no, count in connection.execute(moved.group_by(audit.c.commit, audit.c.no)):
            if count != 1:
                yield "K5", f"leg {no} of {commit.hex()[:8]} has moved {count} times"

    # ------------------------------------------------------------------ at the end

    def owned(self, keeper: str, key: bytes) -> int:
        """What an account has to itself: its balance, and no hold besides."""
        with self.engines[keeper].connect() as connection:
            found = connection.execute(select(account.c.balance).where(account.c.id == key))
            return int(found.scalar_one_or_none() or 0)

    def held(self, keeper: str, key: bytes) -> int:
        """What lies in holds of an account."""
        with self.engines[keeper].connect() as connection:
            query = select(func.sum(hold.c.amount)).where(hold.c.account == key)
            return int(connection.execute(query).scalar_one_or_none() or 0)

    def rest(self, keeper: str) -> Iterator[tuple[bytes, bytes, str]]:
        """What is still under way: (owner, brand, what)."""
        with self.engines[keeper].connect() as connection:
            query = select(account.c.owner, account.c.brand, hold.c.amount, hold.c.locks).where(
                account.c.id == hold.c.account, hold.c.gone_at_us == 0
            )
            for owner, guid, amount, locks in connection.execute(query):
                yield owner, guid, f"a hold of {amount} with {locks} locks is left"
            waiting = select(account.c.owner, leg.c.brand, leg.c.no, leg.c.commit).where(
                account.c.id == leg.c.source, leg.c.phase == int(LegPhase.PREPARED)
            )
            for owner, guid, no, commit in connection.execute(waiting):
                yield owner, guid, f"leg {no} of {commit.hex()[:8]} is still prepared"
