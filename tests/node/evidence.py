"""Commits and certificates of an attempt, true or forged, made without asking anybody."""

from collections.abc import Iterable

from node.command.sim.cast import R1, CastRegistry
from node.command.sim.cores.plan import Attempt
from node.core.payee import committer_key
from node.core.rows import Request
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence, sign_share
from proto.statement import SignedStatement
from tests.proto.build import aborted_leaf, committed_leaf


def commit_of(attempt: Attempt, request: Request) -> Commit:
    share = sign_share(committer_key(request.seed), attempt.commit)
    return Commit(attempt.event.descriptor_bytes, Evidence((share,)).encode())


def committed_by(
    attempt: Attempt, request: Request, registries: Iterable[CastRegistry] = (R1,)
) -> CommitCertificate:
    commit = commit_of(attempt, request)
    leaf = committed_leaf(commit, attempt.event.descriptor).encode()
    return CommitCertificate(commit, tuple(r.sign_statement(leaf) for r in registries))


def aborted_by(attempt: Attempt, registries: Iterable[CastRegistry] = (R1,)) -> AbortCertificate:
    leaf = aborted_leaf(attempt.event.descriptor).encode()
    statements = tuple(r.sign_statement(leaf) for r in registries)
    return AbortCertificate(attempt.event.descriptor_bytes, statements)


def refusal_of(attempt: Attempt, registry: CastRegistry = R1) -> SignedStatement:
    return registry.sign_statement(aborted_leaf(attempt.event.descriptor).encode())
