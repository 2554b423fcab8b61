"""A bank that is a whole engine with its store: its people, and what its disk says of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import sqlalchemy
import trio
from sqlalchemy import select

from node.command.sim.cores.plan import Attempt, Route, dictate
from node.core.events import Event
from node.core.invariants import check
from node.core.people.events import PresentRequest
from node.core.people.rows import (
    CASH,
    LINES,
    Confirmation,
    ConfirmationPhase,
    Entry,
    Mandate,
    Purse,
)
from node.core.rows import Request, Row
from node.store import ROWS
from proto.levels import Level
from proto.reason import Refusal
from proto.receipt_terms import in_house_descriptor
from proto.request import request_hash
from tests.node.core.people_table import (
    ANN,
    BOB,
    MINUTE_US,
    Bank,
    approval,
    approval_id,
    approving,
    brought,
    invitation,
    joining,
    read,
)
from tests.node.engines import Engines

P = ConfirmationPhase
PATIENT = 12  # looks at what became of it, two seconds apart


def rows_on_disk(database: sqlalchemy.Engine, kind: type[Row]) -> list[Row]:
    """All of them, those that memory never has included."""
    entry = ROWS[kind.table]
    with database.connect() as connection:
        found = connection.execute(select(entry.table)).mappings().all()
    return [entry.from_columns(dict(columns)) for columns in found]


@dataclass
class BankEngines:
    """P keeps the accounts of Ann and Bob; a way leads over A to Q."""

    world: Engines

    @property
    def the(self) -> Bank:
        return Bank(self.world)

    async def open(self, limit: int = 100_000) -> None:
        """Both have accounts."""
        for name in ("ann", "bob"):
            await self.world.tell("P", invitation(self.world, name))
            await self.world.tell("P", joining(self.world, name, limit))

    async def ask(self, event: Event) -> Refusal | None:
        """What P answers, once it is durable."""
        return await self.world.engine("P").ask(lambda _: event)

    def on_disk(self, kind: type[Row]) -> list[Row]:
        return rows_on_disk(self.world.hosts["P"].database, kind)

    def confirmation(self, request: Request) -> Confirmation | None:
        """As the disk has it."""
        known = approval_id(request)
        found = [r for r in self.on_disk(Confirmation) if r.key[1] == known]
        assert all(isinstance(row, Confirmation) for row in found)
        return found[0] if found else None  # type: ignore[return-value]

    def entries(self, request: Request) -> list[Entry]:
        known = approval_id(request)
        rows = [row for row in self.on_disk(Entry) if isinstance(row, Entry)]
        return [row for row in rows if row.reference == known]

    def audit(self) -> None:
        """The disk of P is sound, and its purses are the sums of its journal."""
        stored = self.world.stored("P")
        check(stored)
        sums: dict[bytes, int] = {}
        for row in self.on_disk(Entry):
            assert isinstance(row, Entry)
            sums[row.giver] = sums.get(row.giver, 0) - row.amount
            sums[row.taker] = sums.get(row.taker, 0) + row.amount
        assert set(sums) <= {ANN, BOB, LINES, CASH} and sum(sums.values()) == 0
        purses = [row for row in stored if isinstance(row, Purse)]
        assert {row.person: row.balance for row in purses} == {
            who: sums.get(who, 0) for who in (ANN, BOB)
        }
        confirmations = [r for r in self.on_disk(Confirmation) if isinstance(r, Confirmation)]
        for row in purses:
            mine = [c for c in confirmations if c.person == row.person]
            assert row.reserved == sum(c.reserved for c in mine)
        for mandate in stored:
            if isinstance(mandate, Mandate):
                drawn = [c for c in confirmations if c.mandate == mandate.id]
                assert mandate.spent == sum(c.reserved + c.debited for c in drawn)


def attempt(the: BankEngines, request: Request, number: int) -> Attempt:
    """What the payer's task dictates for an approved request."""
    route = Route(("P", "A", "Q"), (Level.ATOMIC, Level.ATOMIC), request.amount)
    known = approval_id(request)
    return dictate(the.world, known, request, [route], attempt=number)


def plain_descriptor(the: BankEngines, request: Request) -> bytes:
    """Of a payment from purse to purse: nobody else has to promise anything."""
    world, hashed = the.world, request_hash(request.signed)
    until_us = world.now_us + MINUTE_US
    return in_house_descriptor(
        read(request), hashed, request.amount, world.draw("salt"), until_us
    ).encode()


@dataclass
class Insisting:
    """A person with its client, and the payer's task behind it: each says its next word again
    until the disk shows it. `under`: a standing approval says yes instead."""

    the: BankEngines
    request: Request
    tell: Callable[[Event], None]
    descriptor: bytes = b""
    under: bytes = b""
    person: bytes = ANN

    async def run(self) -> ConfirmationPhase | None:
        """To the end, or as long as anybody is patient."""
        the, request = self.the, self.request
        said = approval(the.the, request, self.person, fee_max=request.amount // 10)
        more = {"descriptor": self.descriptor, "mandate": self.under}
        for _ in range(PATIENT):
            row = the.confirmation(request)
            now_us, known = the.world.now_us, approval_id(request)
            if row is None:
                self.tell(brought(the.world, request, self.person))
            elif row.phase is P.RECEIVED and not self.under:
                self.tell(PresentRequest(now_us, known, self.person))
            elif row.phase.waiting:
                # Twice in a row: a client that heard no answer says it again.
                event = partial(approving, the.the, request, said, self.person)
                self.tell(event(**more))
                self.tell(event(**more))
            elif row.phase in (P.APPROVED, P.ABORTED):
                self.tell(attempt(the, request, row.attempt + 1).event)
            elif row.phase.final:
                return row.phase
            await trio.sleep(2)
        row = the.confirmation(request)
        return None if row is None else row.phase
