"""Whether a registry's answers are what was asked for: each decided, some of them verified."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.command.bench.registry_load import Transaction
from proto.certificate import CertificateInvalid, verify_statement
from proto.commit import evidence_hash
from proto.descriptor import decode_descriptor
from proto.registry_record import RegistryRecord
from proto.statement import Outcome, SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.wire import WireFault

MOST_VERIFIED: Final = 20_000  # signatures; half a second for every 10,000 answers in a frame

FORGED: Final = "signed by nobody we know"
OTHER: Final = "about another transaction"
WITHOUT_COMMIT: Final = "without their commit"
TOO_FEW: Final = "missing"


@dataclass(slots=True)
class Tally:
    """Grows by the answers of one request after the other."""

    record: RegistryRecord
    decided: int = 0
    verified: int = 0
    seen: int = 0
    every: int = 1  # signatures are verified of each answer whose turn it is
    faults: Counter[str] = field(default_factory=Counter)

    def take(self, asked: Sequence[Transaction], answer: bytes) -> None:
        """The DecideResponse to a request for `asked`."""
        answers = rpb.DecideResponse.FromString(answer).answers
        if len(answers) < len(asked):
            self.faults[TOO_FEW] += len(asked) - len(answers)
        for transaction, one in zip(asked, answers, strict=False):
            if fault := self._fault(transaction, one):
                self.faults[fault] += 1
            else:
                self.decided += 1

    def _fault(self, asked: Transaction, answer: rpb.Answer) -> str:
        """Empty where all is well."""
        self.seen += 1
        match answer.WhichOneof("answer"):
            case "refusal":
                return rpb.RegistryRefusal.Name(answer.refusal.reason)
            case "final":
                pass
            case other:
                return str(other)
        if answer.commit_id != asked.commit_id:
            return OTHER
        commit = answer.commit
        if (commit.descriptor, commit.evidence) != (asked.descriptor, asked.evidence):
            return WITHOUT_COMMIT
        return self._verify(asked, answer) if self.seen % self.every == 0 else ""

    def _verify(self, asked: Transaction, answer: rpb.Answer) -> str:
        try:
            signed = SignedStatement.from_message(answer.final)
            descriptor = decode_descriptor(asked.descriptor)
            known = {self.record.registry: self.record}
            now_us = time.time_ns() // 1000
            _, leaf = verify_statement(signed, descriptor, asked.commit_id, known, now_us)
        except (WireFault, CertificateInvalid):
            return FORGED
        if leaf.outcome is not Outcome.COMMITTED:
            return leaf.outcome.name
        if leaf.evidence_hash != evidence_hash(asked.evidence):
            return FORGED
        self.verified += 1
        return ""
