"""rpc Relay: commits from other members of their policy (registry section 7)."""

from collections.abc import Sequence
from typing import Final

from proto.commit import Evidence
from proto.descriptor import commit_id
from proto.limits import MAX_EVIDENCE_BYTES
from proto.v1 import registry_pb2 as rpb
from proto.wire import WireFault
from registry.asks import AskCommit
from registry.desk import Desk
from registry.examine import Examiner, read_subject
from registry.log import Reason, Refused
from registry.relay import sender_of
from runtime.away import run_away

INLINE: Final = 8  # signatures that are checked sooner than a thread is reached
MAX_STRANGE: Final = 8  # in one call; a member sends none, unless we do not know its new key yet
_STRANGER: Final = Refused(Reason.OVER_QUOTA)


async def answer_relay(
    commits: Sequence[AskCommit], desk: Desk, examiner: Examiner
) -> list[rpb.Answer]:
    """Answers in item order. The caller proves what it is by content: the first statement in the
    evidence is a valid COMMITTED one of another member. Whoever has none is refused at the price
    of one signature check at most, and is soon not listened to any more."""

    def look() -> list[Refused | None]:
        found: list[Refused | None] = []
        for ask in commits:
            strange = sum(one is not None for one in found)
            found.append(_unfit(ask, examiner) if strange < MAX_STRANGE else _STRANGER)
        return found

    refused = look() if len(commits) <= INLINE else await run_away(look)
    fit = [ask for ask, no in zip(commits, refused, strict=True) if no is None]
    # Whoever passes on has more to pass on, and little time: it is not kept waiting for witnesses.
    # What has no proof yet is accepted all the same, and acknowledged when it is sent once more.
    answers = iter(await desk.answer(fit, wait=False))
    return [
        next(answers) if no is None else _refusal(ask, no)
        for ask, no in zip(commits, refused, strict=True)
    ]


def _unfit(ask: AskCommit, examiner: Examiner) -> Refused | None:
    subject = read_subject(ask.descriptor)
    if isinstance(subject, Refused):
        return subject
    members = subject.descriptor.policy.members
    if examiner.registry not in members:
        return Refused(Reason.NOT_A_MEMBER)
    if len(ask.evidence) > MAX_EVIDENCE_BYTES:
        return Refused(Reason.BAD_EVIDENCE, MAX_EVIDENCE_BYTES)
    try:
        evidence = Evidence.decode(ask.evidence)
    except WireFault:
        return Refused(Reason.BAD_EVIDENCE)
    sender = sender_of(evidence)
    if sender is None or sender == examiner.registry or sender not in members:
        return Refused(Reason.BAD_EVIDENCE)
    first = Evidence(relayed=evidence.relayed[:1])
    return None if sender in examiner.relayed(subject, first) else Refused(Reason.BAD_EVIDENCE)


def _refusal(ask: AskCommit, refused: Refused) -> rpb.Answer:
    refusal = rpb.RegistryRefused(reason=refused.reason.name, figure=refused.figure)
    return rpb.Answer(refusal=refusal, commit_id=commit_id(ask.descriptor))
