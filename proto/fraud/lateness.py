"""E6 and E7: a log that did not have an entry when it should have had it (registry section 8).

Both rest on the clocks of others, so they count q of them: one witness alone could frame a
registry by signing late.
"""

from proto.checkpoint import Checkpoint, cosignature_times_s
from proto.fraud.accused import NOBODY, Accused
from proto.fraud.figures import (
    checkpoint_line,
    decision_line,
    leaf_line,
    moment,
    placed_at,
    said_at,
)
from proto.fraud.file import OBSERVATION_KIND, FraudProof, SignedObservation
from proto.fraud.verdict import FraudFault, FraudInvalid, Ground, Verdict
from proto.limits import US
from proto.note import Note
from proto.statement import DecisionLeaf
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse


def verify_back_dating(proof: FraudProof, accused: Accused) -> Verdict:
    """E6: a leaf says a time at which the log, as witnesses saw it later, lacked it."""
    if len(proof.leaves) != 1 or len(proof.checkpoints) != 1:
        raise FraudInvalid(FraudFault.CONTENT)
    placed = accused.placed(proof.leaves[0])
    if not isinstance(placed.leaf, DecisionLeaf):
        raise FraudInvalid(FraudFault.CONTENT)
    decided_us = placed.leaf.decided_at_us
    checkpoint, note = accused.checkpoint(proof.checkpoints[0])
    _require_lacking(checkpoint, placed.origin, placed.index)
    names = _late_witnesses(accused, note, decided_us)
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=Ground.BACK_DATED,
        one=f"{leaf_line(placed.leaf)} ({placed_at(placed.checkpoint, placed.index)})",
        other=f"{checkpoint_line(checkpoint)}, cosigned after {_latest(accused, decided_us)}",
        figures=_figures(accused, decided_us, placed.index, checkpoint.size),
        commit_id=placed.leaf.commit_id,
        rests_on=names,
    )


def verify_withholding(proof: FraudProof, accused: Accused) -> Verdict:
    """E7: a statement whose entry was not in the log when witnesses, or monitors, looked later.

    An answer by a fence has no time of its own: its fence is as old as it may be.
    """
    if len(proof.statements) != 1 or len(proof.checkpoints) + bool(proof.observations) != 1:
        raise FraudInvalid(FraudFault.CONTENT)
    said = accused.said(proof.statements[0])
    if said.is_epoch:
        raise FraudInvalid(FraudFault.NO_TIME)
    decided_us = said.decision.decided_at_us
    origin, index = said.statement.log_origin, said.statement.log_index
    if proof.checkpoints:
        checkpoint, note = accused.checkpoint(proof.checkpoints[0])
        _require_lacking(checkpoint, origin, index)
        names, ground = _late_witnesses(accused, note, decided_us), Ground.WITHHELD
        how = "cosigned"
    else:
        checkpoint, names = _late_monitors(accused, proof.observations, origin, index, decided_us)
        ground, how = Ground.SILENT, "still the newest"
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=ground,
        one=f"{decision_line(said.decision)} ({said_at(said.statement)})",
        other=f"{checkpoint_line(checkpoint)}, {how} after {_latest(accused, decided_us)}",
        figures=_figures(accused, decided_us, index, checkpoint.size),
        commit_id=said.decision.commit_id,
        rests_on=names,
    )


def _latest_us(accused: Accused, decided_us: int) -> int:
    return decided_us + accused.mmd_us


def _latest(accused: Accused, decided_us: int) -> str:
    return moment(_latest_us(accused, decided_us))


def _figures(accused: Accused, decided_us: int, index: int, size: int) -> str:
    late = f"> {decided_us} us + {accused.mmd_us} us"
    return f"entry {index} >= size {size} at a time {late}"


def _require_lacking(checkpoint: Checkpoint, origin: str, index: int) -> None:
    if checkpoint.origin != origin:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    if checkpoint.size > index:
        raise FraudInvalid(FraudFault.COVERED)


def _late_witnesses(accused: Accused, note: Note, decided_us: int) -> tuple[str, ...]:
    """Names of the witnesses who saw the log without the entry too late; at least the quorum."""
    keys, quorum = accused.witnesses_of(accused.newest)
    if quorum <= NOBODY or accused.mmd_us <= 0:
        raise FraudInvalid(FraudFault.NO_QUORUM)
    times = cosignature_times_s(note, keys)
    latest_us = _latest_us(accused, decided_us)
    late = tuple(name for name, time_s in times.items() if time_s * US > latest_us)
    if len(late) < quorum:
        raise FraudInvalid(FraudFault.TOO_FEW)
    return late


def _late_monitors(
    accused: Accused,
    observations: tuple[SignedObservation, ...],
    origin: str,
    index: int,
    decided_us: int,
) -> tuple[Checkpoint, tuple[str, ...]]:
    """The largest checkpoint that they saw, and the monitors, by key; at least the quorum."""
    keys, quorum = accused.monitors_of(accused.newest)
    if quorum <= NOBODY or accused.mmd_us <= 0:
        raise FraudInvalid(FraudFault.NO_QUORUM)
    seen: dict[bytes, Checkpoint] = {}
    for signed in observations:
        observation = _observation(signed)
        if observation.monitor not in keys or observation.log_origin != origin:
            continue
        if observation.at_us <= _latest_us(accused, decided_us):
            continue
        if not signed.proof.proves(OBSERVATION_KIND, signed.observation):
            continue
        checkpoint, _ = accused.checkpoint(observation.checkpoint)
        _require_lacking(checkpoint, origin, index)
        seen[observation.monitor] = checkpoint
    if len(seen) < quorum:
        raise FraudInvalid(FraudFault.TOO_FEW)
    largest = max(seen.values(), key=lambda checkpoint: checkpoint.size)
    return largest, tuple(monitor.hex() for monitor in seen)


def _observation(signed: SignedObservation) -> pb.Observation:
    """A monitor speaks for itself only: the key that signed is the one that is named."""
    try:
        observation = parse(pb.Observation, signed.observation)
    except WireFault as fault:
        raise FraudInvalid(FraudFault.CONTENT) from fault
    if observation.monitor != signed.proof.key:
        raise FraudInvalid(FraudFault.CONTENT)
    return observation
