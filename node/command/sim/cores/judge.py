"""Commit registries without a wire: the registry's own decision rule over one row per id."""

from dataclasses import dataclass, field

from node.command.sim.cast import SECOND, CastRegistry
from node.core.rows import Ask
from proto.certificate import Records
from proto.envelope import sign
from proto.statement import (
    INTERIM_KIND,
    DecisionLeaf,
    Interim,
    InterimKind,
    Outcome,
    SignedStatement,
)
from proto.v1 import types_pb2 as pb
from registry.examine import Examiner, examine_decline, read_subject
from registry.log import (
    Announce,
    CommitShown,
    DeclineShown,
    Event,
    Logged,
    Pause,
    Query,
    Row,
    Subject,
    Terms,
    decide,
)
from registry.timing import Reading

ERROR_US = 1000  # of a registry's clock, declared


@dataclass
class Judge:
    """One registry. `down`: it answers nobody."""

    __test__ = False
    name: str
    registry: CastRegistry
    records: Records
    rows: dict[bytes, Logged] = field(default_factory=dict)
    down: bool = False

    @property
    def id(self) -> bytes:
        return self.registry.id

    def copy(self) -> "Judge":
        return Judge(self.name, self.registry, self.records, dict(self.rows), self.down)

    def decide(self, event: Event, now_us: int) -> Logged | Pause:
        """Looks up, decides, believes its row. A refusal here would be a mistake of the test."""
        terms = Terms(self.id, 2 * SECOND, SECOND // 2, 30 * 86_400 * SECOND)
        stored = self.rows.get(event.subject.commit_id)
        verdict = decide(event, stored, Reading(now_us, ERROR_US, True), terms)
        if isinstance(verdict, Row):
            verdict = Logged(verdict, len(self.rows))
            self.rows[event.subject.commit_id] = verdict
        assert isinstance(verdict, Logged | Pause), verdict
        return verdict

    def ask(self, ask: Ask, descriptor: bytes, said: bytes, now_us: int) -> Logged | Pause:
        """`said`: the evidence of a commit, or the preimage of a decline."""
        subject = read_subject(descriptor)
        assert isinstance(subject, Subject)
        event: Event = Query(subject)
        if ask is Ask.SUBMIT:
            known = subject.commit_id in self.rows
            event = Examiner(self.id, self.records, lambda: now_us).commit(subject, said, known)
        elif ask is Ask.DECLINE:
            event = examine_decline(subject, said)
        if isinstance(event, CommitShown | DeclineShown) and not event.satisfied:
            event = Query(subject)  # what a refusal of bad evidence leaves open
        return self.decide(event, now_us)

    def relay(self, descriptor: bytes, evidence: bytes, others: int, now_us: int) -> None:
        """Another member passes on a commit, with the statements of so many members."""
        subject = read_subject(descriptor)
        assert isinstance(subject, Subject)
        self.decide(CommitShown(subject, evidence, True, others), now_us)

    def announce(self, descriptor: bytes, now_us: int) -> bytes:
        """The signed ADMITTED answer."""
        subject = read_subject(descriptor)
        assert isinstance(subject, Subject)
        pause = self.decide(Announce(subject), now_us)
        assert isinstance(pause, Pause) and pause.kind is InterimKind.ADMITTED
        return self.sign_interim(
            Interim(
                pause.kind,
                pause.subject,
                pause.as_of_us,
                pause.max_error_us,
                pause.final_after_us,
                self.id,
            )
        )

    def sign_interim(self, interim: Interim) -> bytes:
        payload = interim.encode()
        proof = sign(self.registry.online, INTERIM_KIND, payload)
        signed = pb.SignedInterim(interim=payload, signatures=[proof.to_message()])
        return signed.SerializeToString()

    def statement(self, logged: Logged) -> SignedStatement:
        return self.registry.sign_statement(logged.row.data)

    def outcome(self, commit: bytes) -> Outcome | None:
        logged = self.rows.get(commit)
        return logged.row.leaf.outcome if logged else None

    def sign_leaf(self, leaf: DecisionLeaf) -> SignedStatement:
        """Whatever it is told to sign: how a registry lies."""
        return self.registry.sign_statement(leaf.encode())
