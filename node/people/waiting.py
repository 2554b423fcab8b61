"""What was asked of people here and what became of it: memory first, then the disk."""

from node.core.people.confirming import request_in
from node.core.people.rows import OWNER, Confirmation, Mandate
from node.memory import Memory
from node.people.journal import Journal
from node.people.marks import ID_BYTES, Marks
from proto.request import PaymentRequest


class Waiting:
    """Looks confirmations and standing approvals up. StoreFailed where the disk does not answer."""

    def __init__(self, memory: Memory, journal: Journal, marks: Marks) -> None:
        self._memory = memory
        self.journal = journal
        self.marks = marks

    def find(self, confirmation: bytes) -> Confirmation | None:
        """One by its id, whoever's it is; over or not. StoreFailed."""
        if len(confirmation) != ID_BYTES:
            return None
        row = self._memory.row((Confirmation.table, confirmation, b""))
        return row if isinstance(row, Confirmation) else self.journal.confirmation(confirmation)

    def find_of(self, confirmation: bytes, person: bytes) -> Confirmation | None:
        """The same, where this person may see it: its own, or one that has no person yet."""
        row = self.find(confirmation)
        if row is None or row.person != person:
            free = row is not None and row.person == b"" and not row.owned and row.phase.waiting
            return row if free else None
        return row if person != OWNER or row.owned or row.phase.waiting else None

    def find_polled(self, poll: bytes) -> Confirmation | None:
        """The one that a requester asks for. None: of a name for which there was no room, or a
        guess; both are told that it waits."""
        if len(poll) != ID_BYTES:
            return None
        return self.find(self.marks.polled(poll))

    def pending_of(self, person: bytes) -> list[Confirmation]:
        """What waits for a person, what came last first; for OWNER those without a name too."""
        found = [c for c in self._of(person) if c.phase.waiting]
        return sorted(found, key=lambda c: (c.received_at_us, c.id), reverse=True)

    def live_of(self, person: bytes) -> list[Confirmation]:
        """What a person has approved and what has not ended."""
        found = [c for c in self._of(person) if not (c.phase.waiting or c.phase.final)]
        return sorted(found, key=lambda c: (c.approved_at_us, c.id), reverse=True)

    def mandates_of(self, person: bytes) -> list[Mandate]:
        """Its standing approvals, revoked ones too, the newest first."""
        found = [m for m in self._memory.of_person(person) if isinstance(m, Mandate)]
        return sorted(found, key=lambda m: (m.granted_at_us, m.id), reverse=True)

    def _of(self, person: bytes) -> list[Confirmation]:
        return [row for row in self._memory.of_person(person) if isinstance(row, Confirmation)]

    def request_of(self, confirmation: Confirmation) -> PaymentRequest:
        """What was asked. It was read and verified when it came."""
        return request_in(confirmation)
