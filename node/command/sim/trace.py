"""One hash over everything that happened: equal for equal seeds, in any process."""

from hashlib import sha256

from node.core.rows import Promise, Row
from runtime.transport import BatchArrived, GossipArrived, LinkEvent


class Trace:
    """`digest` grows with each happening; what happened is not kept."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.happenings = 0

    def note(self, at_us: int, *parts: object) -> None:
        """One happening, at a virtual time."""
        self.happenings += 1
        self._hash.update(f"{at_us} {parts}\n".encode())

    def frame(self, at_us: int, sender: str, receiver: str, event: LinkEvent) -> None:
        """A frame that sets out, with everything in it."""
        match event:
            case BatchArrived(first=first, envelopes=envelopes, ack=ack):
                said = sha256(b"".join(envelopes)).hexdigest()
                self.note(at_us, sender, receiver, "batch", first, len(envelopes), ack, said)
            case GossipArrived(adverts=adverts, sync=sync):
                said = sha256(b"".join([*adverts, sync])).hexdigest()
                self.note(at_us, sender, receiver, "gossip", len(adverts), said)
            case _:
                self.note(at_us, sender, receiver, type(event).__name__)

    def row(self, at_us: int, name: str, row: Row) -> None:
        """A row that became durable."""
        phase = row.phase.name if isinstance(row, Promise) else ""
        self.note(at_us, name, row.key[0], row.key[1].hex(), row.key[2].hex(), phase)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
