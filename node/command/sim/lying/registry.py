"""A registry that cheats: it tells some otherwise than others, and signs what it never decided."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from node.command.sim.cast import CastRegistry
from node.command.sim.lying.forgery import LONG_AFTER_US, leaf_of
from node.command.sim.plan import Fault
from proto.commit import Commit, commit_is_valid
from proto.descriptor import DescriptorInvalid, commit_id, decode_descriptor
from proto.limits import US
from proto.log_leaf import decision_of
from proto.statement import InterimKind, Outcome, SignedStatement, Statement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb

Told = Callable[[bytes, Outcome], None]
"""(commit_id, outcome) of every final answer that leaves."""

# Whoever brings a commit is told the truth, as a rule: the other word is worth more to others.
TO_THE_PAYEE: Final = 0.1
# A watcher has four seconds from the limit on (section 5): in them, and after them.
STAMPS_AFTER_US: Final = (US, 5 * US, 15 * US)


@dataclass
class LyingRegistry:
    """Stands between a registry and who asks it. It has its key. Owned by trio."""

    cast: CastRegistry
    seed: float
    now_us: Callable[[], int]
    on_told: Told = lambda *_: None
    lies: dict[Fault, int] = field(default_factory=dict)
    told: Counter[Fault] = field(default_factory=Counter)
    _commits: dict[bytes, Commit] = field(default_factory=dict)  # shown, whatever came of them
    _dated: dict[bytes, rpb.Answer] = field(default_factory=dict)
    _silent_until_us: dict[bytes, int] = field(default_factory=dict)  # commits
    _dice: dict[Fault, Random] = field(default_factory=dict)
    _chosen: dict[tuple[str, Fault], bool] = field(default_factory=dict)
    _otherwise: dict[tuple[str, bytes], rpb.Answer] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How often it lied, by the word of `--faults`."""
        return {lie.value: count for lie, count in self.told.items()}

    def decides(self, caller: str, request: rpb.DecideRequest, response: bytes) -> bytes:
        """What the caller is answered in place of what was decided."""
        honest = rpb.DecideResponse.FromString(response)
        answers = []
        for item, answer in zip(request.items, honest.answers, strict=True):
            said = self._answer(caller, item, answer)
            self._tell(said)
            answers.append(said)
        return rpb.DecideResponse(answers=answers, batch=honest.batch).SerializeToString()

    def relays(self, response: rpb.RelayResponse) -> None:
        """To another registry it says what it decided; that counts as said."""
        for answer in response.answers:
            self._tell(answer)

    def _tell(self, answer: rpb.Answer) -> None:
        if answer.WhichOneof("answer") == "final":
            leaf = decision_of(Statement.decode(answer.final.statement))
            self.on_told(leaf.commit_id, leaf.outcome)

    # ------------------------------------------------------------------ the lies

    def _answer(self, caller: str, item: rpb.DecideItem, answer: rpb.Answer) -> rpb.Answer:
        descriptor = _descriptor(item)
        try:
            read = decode_descriptor(descriptor)
        except DescriptorInvalid:
            return answer
        commit = commit_id(descriptor)
        if item.WhichOneof("item") == "commit":
            shown = Commit.from_message(item.commit)
            if commit_is_valid(read, shown):
                self._commits.setdefault(commit, shown)
        said = self._backdated(commit, read.limit_us, answer)
        equivocates = self._die(Fault.REGISTRY_EQUIVOCATES)
        if item.WhichOneof("item") != "commit" or equivocates.random() < TO_THE_PAYEE:
            said = self._other(caller, commit, descriptor, said)
        if said.WhichOneof("answer") == "final" and self._picks(caller, Fault.REGISTRY_WITHHOLDS):
            self.told[Fault.REGISTRY_WITHHOLDS] += 1
            return rpb.Answer(interim=self._pending(commit), commit_id=commit)
        return said

    def _backdated(self, commit: bytes, limit_us: int, answer: rpb.Answer) -> rpb.Answer:
        """A commit that came too late is stamped as if it had not, to everybody from then on. One
        that came in time is told when it should be too late."""
        if commit in self._dated:
            return self._dated[commit]
        shown, outcome, now_us = self._commits.get(commit), _outcome(answer), self.now_us()
        if shown is None:
            return answer
        if outcome is Outcome.COMMITTED:
            if commit not in self._silent_until_us and self._tells(Fault.REGISTRY_BACKDATES):
                self._silent_until_us[commit] = limit_us + self._die(
                    Fault.REGISTRY_BACKDATES
                ).choice(STAMPS_AFTER_US)
            if now_us < self._silent_until_us.setdefault(commit, 0) and self.lies:
                return rpb.Answer(interim=self._pending(commit), commit_id=commit)
            return answer
        late = now_us > limit_us or outcome is Outcome.NOT_COMMITTED
        if not late or not self._tells(Fault.REGISTRY_BACKDATES):
            return answer
        self._dated[commit] = self._committed(shown, limit_us - 1)
        return self._dated[commit]

    def _other(
        self, caller: str, commit: bytes, descriptor: bytes, answer: rpb.Answer
    ) -> rpb.Answer:
        """Some are told the opposite, and are told the same again."""
        if (caller, commit) in self._otherwise:
            return self._otherwise[caller, commit]
        if not self._picks(caller, Fault.REGISTRY_EQUIVOCATES):
            return answer
        read, outcome = decode_descriptor(descriptor), _outcome(answer)
        shown = self._commits.get(commit)
        if outcome is Outcome.NOT_COMMITTED and shown is not None:
            other = self._committed(shown, read.limit_us - 1)
        elif outcome is not Outcome.NOT_COMMITTED:
            at_us = read.limit_us + LONG_AFTER_US
            leaf = leaf_of(descriptor, Outcome.NOT_COMMITTED, b"", at_us).encode()
            final = self.cast.sign_statement(leaf).to_message()
            other = rpb.Answer(final=final, commit_id=commit)
        else:
            return answer
        self.told[Fault.REGISTRY_EQUIVOCATES] += 1
        self._otherwise[caller, commit] = other
        return other

    def _committed(self, commit: Commit, at_us: int) -> rpb.Answer:
        leaf = leaf_of(commit.descriptor, Outcome.COMMITTED, commit.evidence, at_us).encode()
        final = self.cast.sign_statement(leaf).to_message()
        return rpb.Answer(final=final, commit=commit.to_message(), commit_id=commit.commit_id)

    def _pending(self, commit: bytes) -> pb.SignedInterim:
        """Nobody checks what releases nothing."""
        message = pb.Interim(kind=InterimKind.PENDING.name, subject=commit)
        return pb.SignedInterim(interim=message.SerializeToString())

    def _die(self, lie: Fault) -> Random:
        if lie not in self._dice:
            self._dice[lie] = Random(f"{self.seed} {lie.value}")
        return self._dice[lie]

    def _tells(self, lie: Fault) -> bool:
        chance = self.lies.get(lie, 0)
        if not chance or self._die(lie).randrange(1000) >= chance:
            return False
        self.told[lie] += 1
        return True

    def _picks(self, caller: str, lie: Fault) -> bool:
        """Whether this caller is one of those that it lies to: always the same ones."""
        chance = self.lies.get(lie, 0)
        if not chance:
            return False
        key = caller, lie
        if key not in self._chosen:
            self._chosen[key] = self._die(lie).randrange(1000) < max(chance, 300)
        return self._chosen[key]

    def heal(self) -> None:
        """It lies no more. What it has said to whom it does not take back."""
        self.lies.clear()


def _descriptor(item: rpb.DecideItem) -> bytes:
    kind = item.WhichOneof("item")
    return getattr(item, kind).descriptor if kind else b""


def _outcome(answer: rpb.Answer) -> Outcome | None:
    if answer.WhichOneof("answer") != "final":
        return None
    signed = SignedStatement.from_message(answer.final)
    return decision_of(Statement.decode(signed.statement)).outcome
