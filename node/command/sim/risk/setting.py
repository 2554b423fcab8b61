"""A viable chain around each pair of levels, brought to where X holds and has given its promise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product

from node.command.sim.cast import RECORDS, SECOND
from node.command.sim.cores.judge import ERROR_US
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    is_viable,
    make_request,
    open_line,
    pay,
    relies,
    terms,
)
from node.command.sim.cores.world import Deliver, World
from node.command.sim.risk.moves import Adversary, Knowledge
from node.command.sim.risk.stage import Margins, Stage
from node.core.asking import plan_asking
from node.core.caps import load_of
from node.core.effects import Send
from node.core.events import FromPeer
from node.core.payee import committer_key, decline_preimage
from node.core.rows import Ask, Line, Request
from node.core.view import Step
from proto.commit import Commit, Evidence, sign_share
from proto.levels import Level
from proto.limits import GRACE_US, GUARD_US, PRESENT_MARGIN_US, WATCH_MARGIN_US
from proto.messages import Promise as PromiseMessage
from proto.messages import Refuse
from proto.onion import Forward, unwrap
from proto.reason import Reason

AMOUNT = 10_000
TIGHT_US = 9 * SECOND
"""What the payee asks for, so that D is only STAMP_MARGIN after the promise that X gives."""

FRONT = {Level.PROXY: (Level.ATOMIC,)}  # V2: an earlier node requires a registry
BY_HAND = (Level.BARE, Level.PROXY)
"""No chain has this pair (V2), though the table has it: its rows are put into place by hand."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A stage to begin from, and what the adversary on it knows."""

    stage: Stage
    knows: Knowledge

    def adversary(self, *, patient: bool) -> Adversary:
        return Adversary(self.knows, patient)


def chain_of(incoming: Level, outgoing: Level) -> tuple[Level, ...]:
    """The levels of the shortest viable chain whose last intermediary is between the two."""
    return (*FRONT.get(incoming, ()), incoming, outgoing)


def setting(
    incoming: Level, outgoing: Level, *, watches: bool = True, finely: bool = False
) -> Setting:
    """X holds `incoming` and has just given `outgoing`; nothing is on its way.

    `watches` False: X does not do what it advertises. `finely`: more moments.
    """
    by_hand = (incoming, outgoing) == BY_HAND
    levels = chain_of(incoming, Level.ATOMIC if by_hand else outgoing)
    assert is_viable(levels)
    stage, request = _promised(levels)
    if by_hand:
        _put_proxy(stage)
    if not watches:
        _plan_anew(stage)
    knows = _knowledge(stage, request)
    stage.marks = marks_of(stage, finely=finely)
    return Setting(stage, knows)


def _offered(levels: Sequence[Level]) -> tuple[World, Request, Attempt]:
    """The payer has promised; what it sent is on its way."""
    names = names_of(levels)
    world = World()
    for name, level in zip(names, [*levels, None], strict=True):
        trusts = frozenset() if level is Level.PROXY else frozenset(RECORDS)
        world.add(name, partial(terms, accepts=trusts))
    for one, other in pairwise(names):
        open_line(world, one, other)
    request = make_request(world, "Q", AMOUNT, manual=True)
    # V12: a decline is possible wherever no node needs the registry to be open to its commit.
    decline = None if relies(levels) or set(levels) == {Level.BARE} else 0
    route = Route(names, levels, AMOUNT)
    attempt = pay(world, [route], request, decline=decline, payee_margin_us=TIGHT_US)
    return world, request, attempt


def names_of(levels: Sequence[Level]) -> list[str]:
    """The payer P, perhaps another node A, the intermediary X, the payee Q."""
    return ["P", *(["A"] if len(levels) > 2 else []), "X", "Q"]


def _promised(levels: Sequence[Level]) -> tuple[Stage, Request]:
    world, request, attempt = _offered(levels)
    ahead = Deliver("X", "Q")
    while found := [choice for choice in world.choices() if choice != ahead]:
        world.do(found[0])
    return Stage.of(world, "X", names_of(levels)[-3], "Q", attempt.commit), request


def refusal_of(incoming: Level, outgoing: Level) -> Reason | None:
    """What X answers who dictates it this pair; None: it promises. Only of pairs in no chain."""
    levels = chain_of(incoming, Level.ATOMIC)
    upstream = names_of(levels)[-3]
    world, _, attempt = _offered(levels)
    while Deliver(upstream, "X") not in world.choices():
        world.do(world.choices()[0])
    body, envelope = world.intercept(upstream, "X")
    assert isinstance(body, PromiseMessage)
    x = world.nodes["X"]
    opened = unwrap(x.seal, body.packet, attempt.commit)
    assert opened is not None and isinstance(opened[0], Forward)
    expires_at_us = attempt.deadline_us + PRESENT_MARGIN_US
    bent = replace(opened[0], level=outgoing, expires_at_us=expires_at_us)
    sender = world.nodes[upstream].id
    applied = world.event("X", FromPeer(world.now_us, sender, body, envelope, (bent, opened[1])))
    said = [e.body for e in applied.effects if isinstance(e, Send)]
    refused = [b.because.reason for b in said if isinstance(b, Refuse)]
    return refused[0] if refused else None


def _put_proxy(stage: Stage) -> None:
    """The promise that X gave becomes PROXY, as the schedule of protocol section 5 has it."""
    books = stage.nodes[stage.x].books
    given, row = stage.given, stage.transaction(stage.x)
    expires_at_us = row.limit_us + PRESENT_MARGIN_US
    load = load_of(AMOUNT, Level.PROXY, expires_at_us, row.limit_us, given.made_at_us)
    line = books.rows[(Line.table, given.line, b"")]
    assert isinstance(line, Line)
    changed = replace(given, level=Level.PROXY, expires_at_us=expires_at_us)
    books.write([changed, replace(line, held_out=load.value_s)])
    _plan_anew(stage)


def _plan_anew(stage: Stage) -> None:
    """What X would ask the registry, and when, if it did not watch."""
    node, row = stage.nodes[stage.x], stage.transaction(stage.x)
    node.books.write([replace(row, watched=False, ask=Ask.NOTHING, ask_at_us=0)])
    step = Step(node.books, stage.now_us)
    plan_asking(step, stage.commit)
    node.books.write(step.changes)
    stage.set_timers(stage.x)


def _knowledge(stage: Stage, request: Request) -> Knowledge:
    descriptor = stage.transaction(stage.x).descriptor
    share = sign_share(committer_key(request.seed), stage.commit)
    commit = Commit(descriptor, Evidence((share,)).encode())
    return Knowledge(commit, decline_preimage(request.seed, 0))


def with_clocks(stage: Stage, clock_us: int, *, finely: bool) -> list[Stage]:
    """The same stage with every pair of clocks that are wrong by so much, and with right ones."""
    if not clock_us:
        return [stage]
    starts = []
    pairs = [(0, 0), *product((-clock_us, clock_us), repeat=2)]
    for own_us, upstream_us in pairs:
        start = stage.fork()
        start.margins = Margins(clock_us)
        if own_us:
            start.set_clock(start.x, own_us)
            start.set_clock(start.upstream, upstream_us)
            start.note(f"X's clock is {_told(own_us)}, the upstream's {_told(upstream_us)}")
        start.marks = marks_of(start, finely=finely)
        starts.append(start)
    return starts


def _told(wrong_us: int) -> str:
    return f"{abs(wrong_us) // 1000} ms {'fast' if wrong_us > 0 else 'slow'}"


def marks_of(stage: Stage, *, finely: bool) -> tuple[int, ...]:
    """Every moment at which a rule changes its answer, and the one after it; absolute µs.

    `finely`: the one before it too, and the moments from which margins count.
    """
    times: set[int] = set()
    held, given = stage.held, stage.given
    own_us, upstream_us = stage.wrong.get(stage.x, 0), stage.wrong.get(stage.upstream, 0)
    if given.level.has_expiry:
        times |= {given.expires_at_us - own_us, given.expires_at_us + GRACE_US - own_us}
    if held.level.has_expiry:
        for wrong_us in (own_us, upstream_us):
            times |= {held.expires_at_us - wrong_us, held.expires_at_us + GRACE_US - wrong_us}
        times.add(held.expires_at_us - stage.margins.present_us)
    row = stage.transaction(stage.x)
    if {held.level, given.level} != {Level.BARE}:
        horizon_us = row.limit_us + GUARD_US
        times |= {row.deadline_us - ERROR_US, row.limit_us, horizon_us + ERROR_US}
        if finely:
            times |= {row.deadline_us, row.limit_us - own_us, horizon_us}
            times.add(row.limit_us + WATCH_MARGIN_US + PRESENT_MARGIN_US)
    beside = (-1, 0, 1) if finely else (0, 1)
    marks = {time + d for time in times for d in beside if time + d > stage.now_us}
    return tuple(sorted(marks))
