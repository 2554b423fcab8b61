"""One honest node between two neighbours that say anything, in any order, at any time.

The registry is honest: it decides one way, chosen by the seed. Whatever the neighbours do, nothing
breaks in the node; and in mode ATOMIC what it pays is covered by a promise that it can redeem.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from node.command.sim.cast import R1, SECOND
from node.command.sim.cores.plan import Route, chain_world, is_viable, make_request, pay
from node.core.events import Due, FromPeer, RegistrySaid
from node.core.rows import Promise as PromiseRow
from node.core.rows import PromisePhase, Shown
from proto.certificate import CommitCertificate
from proto.commit import Commit
from proto.levels import Level
from proto.messages import (
    Abandon,
    Accepted,
    Body,
    Claim,
    Denied,
    LineLimit,
    Passed,
    Promise,
    Redeemed,
    Refuse,
    Release,
)
from proto.modes import Mode, mode_of
from proto.reason import Reason, Refusal
from tests.node.evidence import aborted_by, commit_of, committed_by, refusal_of

FRONT = {Level.PROXY: (Level.ATOMIC,)}
CHAINS = [
    (*FRONT.get(held, ()), held, given)
    for held, given in product(Level, Level)
    if is_viable((*FRONT.get(held, ()), held, given))
]


class Siege:
    """`x` is honest; its upstream and the payee say what the seed makes them say."""

    def __init__(self, levels: tuple[Level, ...], seed: int) -> None:
        self.random = Random(seed)
        self.levels = levels
        self.world, names = chain_world(levels)
        self.upstream, self.x, self.payee = names[-3:]
        self.request = make_request(self.world, self.payee, 10_000, manual=True)
        self.attempt = pay(self.world, [Route(names, levels, 10_000)], self.request)
        while (first := self._offered()) is None:
            self.world.do(self.world.choices()[0])
        self.first = first
        self.committed = self.random.random() < 0.6

    def _offered(self) -> Promise | None:
        """The promise to x, once it is the next message on its way."""
        box = self.world.nodes[self.upstream].outbox.get(self.x)
        if box is None or box.sent >= len(box.messages):
            return None
        body, _ = self.world.fork().intercept(self.upstream, self.x)
        return body if isinstance(body, Promise) else None

    def run(self, steps: int) -> None:
        self.world.do(next(c for c in self.world.choices() if self._is_ours(c)))
        for _ in range(steps):
            self._step()
            self._check()

    def _is_ours(self, choice: object) -> bool:
        return getattr(choice, "receiver", "") == self.x

    def _step(self) -> None:
        world, draw = self.world, self.random
        kind = draw.random()
        if kind < 0.15:
            world.now_us += draw.choice([1, SECOND, 3 * SECOND, 12 * SECOND])
        elif kind < 0.25:
            rows = list(world.nodes[self.x].books.rows.values())
            world.event(self.x, Due(world.now_us, draw.choice(rows).key))
        elif kind < 0.35:
            self._registry()
        else:
            teller = draw.choice([self.upstream, self.payee])
            body = self._say(teller)
            event = FromPeer(world.now_us, world.nodes[teller].id, body, b"envelope")
            world.event(self.x, event)

    def _registry(self) -> None:
        """Its one decision, once its time has come."""
        world, attempt = self.world, self.attempt
        if not attempt.event.descriptor.policy.members:
            return
        if self.committed:
            certificate = committed_by(attempt, self.request)
            final, evidence = certificate.statements[0], certificate.commit.evidence
        elif world.now_us > attempt.deadline_us + 2 * SECOND:
            final, evidence = refusal_of(attempt), b""
        else:
            return
        event = RegistrySaid(world.now_us, R1.id, attempt.commit, final, evidence)
        world.event(self.x, event)

    def _say(self, teller: str) -> Body:
        draw, mine = self.random, self.world.promises(self.x)
        about = draw.choice(mine)
        known = about.id if draw.random() < 0.95 else bytes(16)
        why = Refusal(draw.choice([Reason.CLAIM_LATE, Reason.CLAIM_ENDED, Reason.CLAIM_INVALID]))
        line = self.world.line(self.x, teller)
        makers: list[Callable[[], Body]] = [
            lambda: Accepted(known),
            lambda: Refuse(known, why),
            lambda: Release(known, why),
            lambda: Abandon(known),
            lambda: Denied(known, why),
            lambda: Claim(known, self._evidence()),
            lambda: Claim(known, self._evidence()),
            lambda: Redeemed(
                known, about.line, line.sequence_in + 1, line.booked_in + about.amount
            ),
            lambda: Redeemed(known, about.line, draw.randint(0, 2), draw.randint(0, 20_000)),
            lambda: LineLimit(line.id, draw.choice([0, 100_000]), 0),
            self._abort,
            self._again,
        ]
        return draw.choice(makers)()

    def _again(self) -> Body:
        return self.random.choice([self.first, replace(self.first, amount=1)])

    def _abort(self) -> Body:
        known = self.random.choice(self.world.promises(self.x)).id
        if self.committed or not self.attempt.event.descriptor.policy.members:
            return Abandon(known)
        return Passed(known, aborted_by(self.attempt))

    def _evidence(self) -> Commit | CommitCertificate:
        stamped = self.committed and self.attempt.event.descriptor.policy.members
        if stamped and self.random.random() < 0.6:
            return committed_by(self.attempt, self.request)
        return commit_of(self.attempt, self.request)

    def _pair(self) -> tuple[PromiseRow, PromiseRow] | None:
        me = self.world.nodes[self.x].id
        held = [p for p in self.world.promises(self.x) if p.promisor != me]
        given = [p for p in self.world.promises(self.x) if p.promisor == me]
        return (held[0], given[0]) if held and given else None

    def _check(self) -> None:
        pair = self._pair()
        if pair is None or mode_of(*self.levels[-2:]) is not Mode.ATOMIC:
            return
        held, given = pair
        if given.phase is PromisePhase.REDEEMED and held.phase is not PromisePhase.REDEEMED:
            assert held.pending and held.shown >= Shown.CERTIFICATE, (held, given)


@pytest.mark.parametrize("levels", CHAINS, ids=lambda c: " ".join(level.name for level in c))
def test_nothing_a_neighbour_says_breaks_a_node(levels: tuple[Level, ...]) -> None:
    for seed in range(60):
        siege = Siege(levels, seed)
        try:
            siege.run(30)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} of {levels}: {siege.world.trace}") from error
