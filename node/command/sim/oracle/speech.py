"""Commit, then speak: nothing leaves a process that its store would not remember after a crash."""

from sqlalchemy import Connection, Engine, select

from node.store import peer
from runtime.transport import BatchArrived

COLUMNS = (peer.c.have, peer.c.sent)


def unremembered(database: Engine, receiver: bytes, batch: BatchArrived) -> str | None:
    """What a frame says that its sender's store does not hold; None where it holds everything."""
    with database.connect() as connection:
        have, sent = _position(connection, receiver)
    last = batch.first + len(batch.envelopes) - 1
    if batch.envelopes and last > sent:
        return f"says message {last}, and has stored {sent}"
    if batch.ack > have:
        return f"acknowledges message {batch.ack}, and has stored {have}"
    return None


def _position(connection: Connection, receiver: bytes) -> tuple[int, int]:
    row = connection.execute(select(*COLUMNS).where(peer.c.node == receiver)).one_or_none()
    return (row.have, row.sent) if row is not None else (0, 0)


def unheard(sender: tuple[Engine, bytes], receiver: tuple[Engine, bytes]) -> int:
    """How many messages the sender has stored, and the receiver not; each (store, node id).

    None, once links are up again and everything has had its time.
    """
    with sender[0].connect() as connection:
        sent = _position(connection, receiver[1])[1]
    with receiver[0].connect() as connection:
        have = _position(connection, sender[1])[0]
    return sent - have
