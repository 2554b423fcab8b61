"""A registrar asks the registries how a transaction was decided (escrow section 4, rule 4)."""

from typing import Final

from node.registries import CALL_TIMEOUT_S, SERVICE, Registries
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.commit import Commit
from proto.descriptor import decode_descriptor
from proto.log_leaf import decision_of
from proto.statement import Outcome, SignedStatement, Statement
from proto.v1 import registry_pb2 as pb
from proto.wire import WireFault
from runtime.rpc_client import RpcError

Said = tuple[Outcome, SignedStatement, bytes]
"""Outcome, statement, and the evidence of a commit."""

_NOTHING: Final[list[Said]] = []


async def ask_registries(registries: Registries, descriptor: bytes) -> Certificate | None:
    """The certificate that the members' final answers make; None where they make none so far.

    Unverified: who takes it verifies it.
    """
    policy = decode_descriptor(descriptor).policy
    said: list[Said] = []
    for member in policy.members:
        said += await _ask(registries, member, descriptor)
    committed = [one for one in said if one[0] is Outcome.COMMITTED]
    refused = tuple(one[1] for one in said if one[0] is Outcome.NOT_COMMITTED)
    evidence = next((one[2] for one in committed if one[2]), b"")
    if len(committed) >= policy.qc and evidence:
        statements = tuple(one[1] for one in committed)
        return CommitCertificate(Commit(descriptor, evidence), statements)
    return AbortCertificate(descriptor, refused) if len(refused) >= policy.qa else None


async def _ask(registries: Registries, member: bytes, descriptor: bytes) -> list[Said]:
    channel = registries.channel(member)
    if channel is None:
        return _NOTHING
    request = pb.DecideRequest(items=[pb.DecideItem(query=pb.Query(descriptor=descriptor))])
    try:
        response = await channel.unary(
            f"{SERVICE}/Decide", request, pb.DecideResponse, CALL_TIMEOUT_S
        )
    except RpcError:
        return _NOTHING
    answers = [answer for answer in response.answers if answer.WhichOneof("answer") == "final"]
    try:
        finals = [(SignedStatement.from_message(a.final), a.commit.evidence) for a in answers]
        return [
            (decision_of(Statement.decode(final.statement)).outcome, final, evidence)
            for final, evidence in finals
        ]
    except WireFault:
        return _NOTHING
