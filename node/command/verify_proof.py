"""What a certificate shows of the logs: whose statements stand in one, and who saw that when.

The cosignatures' times are of the witnesses' own clocks. So they say since when a decision can no
longer be taken out of the log unseen, whatever the registry dates it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from node.command.display import moment
from proto.checkpoint import cosignature_times_s
from proto.limits import US
from proto.registry_record import RegistryRecord
from proto.statement import SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from proto.wire import WireFault

UNWITNESSED: Final = (
    "That they said the same to everybody: a registry without witnesses could sign the opposite"
    " for somebody else. Two such files together prove it a liar."
)
NOT_YET: Final = (
    "That they said the same to everybody: {silent} could still sign the opposite for somebody"
    " else, since no log proof of enough witnesses is in this file. Two such files together prove"
    " a liar."
)
WITNESSED: Final = (
    "That they said the same to everybody. But witnesses saw this decision in the logs: one who is"
    " shown the opposite finds it missing there, and `pledgeway registry audit URL --statements"
    " DIR` makes of that a file that proves the liar."
)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness of the registry's record, and the time (µs UTC) that its cosignature bears."""

    witness: str
    at_us: int


@dataclass(frozen=True, slots=True)
class ShownLog:
    """A log proof that holds: entries in the checkpoint above it, who of `named` cosigned that.

    `needed`: how many of them the record asks for.
    """

    size: int
    cosigned: tuple[Cosigned, ...]
    needed: int
    named: int

    @property
    def witnessed(self) -> bool:
        return 0 < self.needed <= len(self.cosigned)


def shown_log(signed: SignedStatement, record: RegistryRecord) -> ShownLog | None:
    """What a statement's log proof shows by this record; None where there is none that holds."""
    try:
        statement = Statement.decode(signed.statement)
        proof = LogProof.decode(signed.tlog_proof)
    except WireFault:
        return None
    origin = statement.log_origin
    # Its shards are "origin/year"; of before there were shards the origin alone is left.
    ours = origin == record.log_origin or origin.startswith(f"{record.log_origin}/")
    if not ours or proof.index != statement.log_index:
        return None
    found = proven_in(proof, statement.leaf, record.log_note_keys(origin))
    if found is None:
        return None
    checkpoint, note = found
    times_s = cosignature_times_s(note, (witness.key for witness in record.witnesses))
    cosigned = tuple(Cosigned(name, time_s * US) for name, time_s in sorted(times_s.items()))
    return ShownLog(checkpoint.size, cosigned, record.witness_quorum, len(record.witnesses))


def log_json(log: ShownLog | None) -> dict[str, object] | None:
    """As it stands beside a statement; null where nothing is shown."""
    if log is None:
        return None
    cosigned = [{"witness": c.witness, "at_us": c.at_us} for c in log.cosigned]
    return {"size": log.size, "cosigned": cosigned}


def log_lines(log: ShownLog | None, named: int) -> Iterator[str]:
    """For people. Witnesses sign whole seconds: one may lie before the decision by a fraction.

    `named`: how many witnesses the record names.
    """
    if log is None:
        later = ": its witnesses' proof comes later" if named else ""
        yield f"no log proof{later}"
        return
    entries = "entry" if log.size == 1 else "entries"
    yield f"in the log's checkpoint of {log.size} {entries}"
    for one in log.cosigned:
        yield f"cosigned by {one.witness} at {moment(one.at_us)}"
    if log.needed:
        yield f"{len(log.cosigned)} of {log.named} witnesses, {log.needed} needed"
    elif not log.named:
        yield "no witness vouches for that log"


def about_equivocation(logs: Iterable[tuple[str, ShownLog | None]], named: Sequence[int]) -> str:
    """What the file leaves open about the opposite. `logs`: the members' names with theirs;
    `named`: how many witnesses the record of each names."""
    silent = [name for name, log in logs if log is None or not log.witnessed]
    if not silent:
        return WITNESSED
    return NOT_YET.format(silent=", ".join(silent)) if any(named) else UNWITNESSED
