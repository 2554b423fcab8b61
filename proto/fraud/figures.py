"""How a verdict tells its figures: a line for people, with the exact numbers in it."""

from datetime import UTC, datetime
from typing import Final

from proto.checkpoint import Checkpoint
from proto.limits import US
from proto.log_leaf import FenceLeaf, LogLeaf
from proto.statement import DecisionLeaf, DecisionReason, Statement

MAX_TEXT_CHARS: Final = 255  # of an origin that a cheating registry made up
SHORT_HEX: Final = 16


def moment(at_us: int) -> str:
    """ISO 8601 UTC to the µs; the number itself where no calendar has that time."""
    try:
        whole = datetime.fromtimestamp(at_us // US, UTC)
    except (OverflowError, OSError, ValueError):
        return f"{at_us} us"
    return f"{whole:%Y-%m-%d %H:%M:%S}.{at_us % US:06d} UTC"


def plain(text: str) -> str:
    """A text of the accused without what could move its reader's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_TEXT_CHARS])


def decision_line(leaf: DecisionLeaf) -> str:
    """What a decision says."""
    if leaf.reason is DecisionReason.EPOCH:
        return f"NOT_COMMITTED, EPOCH: no decision, and all up to {moment(leaf.deadline_us)} closed"
    return (
        f"{leaf.outcome.name}, {leaf.reason.name}: decided {moment(leaf.decided_at_us)}"
        f" within {leaf.max_error_us} us, deadline {moment(leaf.deadline_us)},"
        f" limit {moment(leaf.limit_us)}"
    )


def leaf_line(leaf: LogLeaf) -> str:
    """What any log entry says."""
    if isinstance(leaf, DecisionLeaf):
        return f"{decision_line(leaf)}, of {leaf.commit_id.hex()}"
    if isinstance(leaf, FenceLeaf):
        return f"a fence: all up to {moment(leaf.closed_through_us)} closed"
    return "a key's certificate"


def said_at(statement: Statement) -> str:
    """Where a statement says its entry stands."""
    return f"a signed statement, log {plain(statement.log_origin)} entry {statement.log_index}"


def placed_at(checkpoint: Checkpoint, index: int) -> str:
    """Where a log entry is proven to stand."""
    return f"log {checkpoint.origin} entry {index}, in {checkpoint_line(checkpoint)}"


def checkpoint_line(checkpoint: Checkpoint) -> str:
    """A checkpoint by its size and the beginning of its root."""
    return f"the checkpoint of {checkpoint.size} entries with root {short(checkpoint.root)}"


def short(data: bytes) -> str:
    """The beginning of a hash."""
    return data.hex()[:SHORT_HEX]
