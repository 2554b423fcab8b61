"""A seeded walk: random networks, payments and faults; then all faults heal and everything ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from node.command.sim.cast import SECOND, SINGLE, TWO_OF_THREE
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    create,
    dictate,
    ended,
    is_viable,
    make_request,
    open_line,
    policy_for,
    relies,
    terms,
)
from node.command.sim.cores.world import World
from node.core.events import (
    AbandonPayment,
    ChangeLimit,
    ConfirmRequest,
    DeclineRequest,
    GiveUpPayment,
)
from node.core.rows import (
    Direction,
    IncidentKind,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
)
from proto.fees import Fee, FeeSet, price_of_pair
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.money import Rate
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal

HEALED_US = 400 * SECOND  # the longest expiry, the horizon, and the slowest question after them


@dataclass(frozen=True)
class Deal:
    """One request with the payment that pays it."""

    payer: str
    payee: str
    request: Request
    payment: bytes


class Walk:
    """One seed. `calm`: no faults, so that nothing may be lost at all."""

    def __init__(self, seed: int, *, calm: bool = False) -> None:
        self.random = Random(seed)
        self.calm = calm
        self.world = World()
        self.deals: list[Deal] = []
        # Some worlds are slow, some break often, some stay broken for long.
        self.weights = {
            "happen": self.random.choice([8, 20, 40]),
            "time": self.random.choice([4, 8, 16]),
            "sever": self.random.choice([1, 3, 8]),
            "heal": self.random.choice([1, 2, 4]),
        }
        self.policy: RegistryPolicy = self.random.choice([SINGLE, SINGLE, TWO_OF_THREE])
        self._make_network()

    def _make_network(self) -> None:
        draw, world = self.random, self.world
        names = list("ABCDEF"[: draw.randint(3, 6)])
        for name in names:
            fees = FeeSet(
                {
                    mode: Fee(Rate.parse(f"1.{draw.randint(0, 20):03}"), draw.randint(0, 5))
                    for mode in Mode
                    if draw.random() < 0.95
                }
            )
            own: dict[str, object] = {"fees": fees, "watches_registry": draw.random() < 0.8}
            if draw.random() < 0.25:
                own["accepts"] = frozenset()
            world.add(name, lambda node, own=own: terms(node, **own))  # type: ignore[misc]
        for i, name in enumerate(names[1:], 1):
            open_line(world, name, draw.choice(names[:i]), draw.choice([20_000, 100_000]))
        for one in names:
            for other in names:
                apart = one < other and not self._line(one, other)
                if apart and draw.random() < 0.5:
                    open_line(world, one, other, draw.choice([20_000, 100_000]))

    def _line(self, one: str, other: str) -> bool:
        peer = self.world.nodes[other].id
        return any(line.peer == peer for line in self.world.lines(one))

    # ------------------------------------------------------------------ what may happen

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self._step()
        self._finish()

    def _step(self) -> None:
        world, draw = self.world, self.random
        kinds: list[tuple[int, Callable[[], None]]] = [
            (self.weights["happen"], self._happen),
            (self.weights["time"], self._let_time_pass),
            (3, self._new_deal),
            (3, self._go_on),
            (2, self._decide_manually),
            (1, self._change_limit),
        ]
        if not self.calm:
            kinds += [
                (self.weights["sever"], self._sever),
                (self.weights["heal"], self._heal),
                (2, self._crash),
                (1, self._toggle_judge),
            ]
        (kind,) = draw.choices([k for _, k in kinds], [w for w, _ in kinds])
        kind()
        assert not world.faults, world.faults

    def _happen(self) -> None:
        for _ in range(self.random.randint(1, 6)):
            if choices := self.world.choices():
                self.world.do(self.random.choice(choices))

    def _let_time_pass(self) -> None:
        world, draw = self.world, self.random
        if self.calm:
            world.quiet(draw.choice)  # a calm network is quicker than every margin
        due = world.next_timer_us()
        if due is not None and draw.random() < 0.7:
            world.now_us = max(world.now_us, min(due, world.now_us + 5 * SECOND))
        else:
            world.now_us += draw.randint(1, SECOND)
        world.fire()

    def _new_deal(self) -> None:
        world, draw = self.world, self.random
        payer, payee = draw.sample(list(world.nodes), 2)
        request = make_request(
            world,
            payee,
            draw.randint(1, 9_000),
            policies=(self.policy,),
            manual=draw.random() < 0.3,
        )
        deal = Deal(payer, payee, request, create(world, payer, request))
        self.deals.append(deal)
        self._attempt(deal)

    def _payment(self, deal: Deal) -> Payment:
        row = self.world.nodes[deal.payer].books.rows[(Payment.table, deal.payment, b"")]
        assert isinstance(row, Payment)
        return row

    def _attempt(self, deal: Deal) -> None:
        draw, payment = self.random, self._payment(deal)
        parts = 2 if deal.request.amount > 10 and draw.random() < 0.3 else 1
        amounts = [deal.request.amount]
        if parts == 2:
            share = draw.randint(1, deal.request.amount - 1)
            amounts = [share, deal.request.amount - share]
        routes = [self._route(deal, amount) for amount in amounts]
        found = [route for route in routes if route is not None]
        if len(found) < parts:
            return
        every = [level for route in found for level in route.levels]
        policy = policy_for(every, self.policy)
        declines = policy.declines and not any(relies(r.levels) for r in found)
        attempt = dictate(
            self.world,
            deal.payment,
            deal.request,
            found,
            policy=self.policy,
            attempt=payment.attempt + 1,
            decline=draw.choice([None, payment.attempt % 3]) if declines else None,
        )
        self.world.event(deal.payer, attempt.event)

    def _route(self, deal: Deal, amount: int) -> Route | None:
        """A random path with levels that some network allows; this one may refuse them."""
        draw, world = self.random, self.world
        path = [deal.payer]
        while path[-1] != deal.payee:
            near = [n for n in world.nodes if n not in path and self._line(path[-1], n)]
            if not near:
                return None
            path.append(
                deal.payee if deal.payee in near and draw.random() < 0.5 else draw.choice(near)
            )
        for _ in range(20):
            levels = [draw.choice(list(Level)) for _ in path[1:]]
            if is_viable(levels, self.policy) and self._priced(path, levels):
                return Route(path, levels, amount)
        return None

    def _priced(self, path: Sequence[str], levels: Sequence[Level]) -> bool:
        for name, held, given in zip(path[1:-1], levels, levels[1:], strict=False):
            mode = mode_of(held, given)
            if mode is None or self.world.nodes[name].settings.fees.of(mode) is None:
                return False
        return True

    def _go_on(self) -> None:
        """A payment between two attempts: another one, or none any more."""
        idle = [d for d in self.deals if self._payment(d).phase is PaymentPhase.ROUTING]
        live = [d for d in self.deals if self._payment(d).phase is PaymentPhase.PROMISED]
        if live and self.random.random() < 0.2:
            deal = self.random.choice(live)
            self.world.event(deal.payer, AbandonPayment(self.world.now_us, deal.payment))
        if idle:
            self._attempt(self.random.choice(idle))

    def _decide_manually(self) -> None:
        if self.deals:
            deal = self.random.choice(self.deals)
            event = ConfirmRequest if self.random.random() < 0.7 else DeclineRequest
            self.world.event(deal.payee, event(self.world.now_us, deal.request.id))

    def _change_limit(self) -> None:
        name = self.random.choice(list(self.world.nodes))
        line = self.random.choice(self.world.lines(name))
        limit = self.random.choice([0, 5_000, 100_000])
        self.world.event(name, ChangeLimit(self.world.now_us, line.id, limit))

    def _sever(self) -> None:
        """A line, or the way to a registry; rather one that something depends on."""
        world, draw = self.world, self.random
        busy = [n for n in world.nodes if any(p.pending for p in world.promises(n))]
        one = draw.choice(busy or list(world.nodes))
        near = [n for n in world.nodes if n != one and self._line(one, n)]
        world.sever(one, draw.choice([*near, *world.judges]))

    def _heal(self) -> None:
        if self.world.severed:
            pairs = sorted(tuple(sorted(pair)) for pair in self.world.severed)
            one, other = self.random.choice(pairs)
            self.world.heal(one, other)

    def _crash(self) -> None:
        self.world.crash(self.random.choice(list(self.world.nodes)))

    def _toggle_judge(self) -> None:
        judge = self.random.choice(list(self.world.judges.values()))
        judge.down = not judge.down

    # ------------------------------------------------------------------ how it must end

    def _finish(self) -> None:
        world = self.world
        world.heal_all()
        world.run(world.now_us + HEALED_US, self.random.choice)
        assert not world.faults, world.faults
        assert ended(world), [p for n in world.nodes for p in world.promises(n) if p.pending]
        assert_books_mirror(world)
        for deal in self.deals:
            self._check_deal(deal)
        for name in world.nodes:
            self._check_hops(name)

    def _check_deal(self, deal: Deal) -> None:
        """Invariant 7, and that every payment has an end with its evidence."""
        payment = self._payment(deal)
        if payment.phase is PaymentPhase.ROUTING:
            no_more = Refusal(Reason.NO_ROUTE)
            self.world.event(deal.payer, GiveUpPayment(self.world.now_us, deal.payment, no_more))
            payment = self._payment(deal)
        assert payment.phase.final, payment
        paid = {
            p.commit
            for p in self.world.promises(deal.payer)
            if p.direction is Direction.OUT
            and not p.partner_id
            and p.phase is PromisePhase.REDEEMED
            and p.owner == deal.payment
        }
        assert paid == ({payment.commit} if payment.phase is PaymentPhase.COMMITTED else set())

    def _check_hops(self, name: str) -> None:
        """Invariants 4 to 6: what was covered, what was earned, and what was lost."""
        world = self.world
        own = world.nodes[name].settings
        losses = {i.subject for i in world.incidents(name) if i.kind is IncidentKind.LOSS}
        for given in world.promises(name):
            if given.direction is Direction.IN or not given.partner_id:
                continue
            held = world.nodes[name].books.rows[
                (Promise.table, bytes(given.partner), given.partner_id)
            ]
            assert isinstance(held, Promise)
            price = price_of_pair(own.fees, (), incoming=held.level, outgoing=given.level)
            assert price is not None and held.amount >= price.amount_in_ceil(given.amount)
            paid = given.phase is PromisePhase.REDEEMED
            lost = paid and held.phase is not PromisePhase.REDEEMED
            mode = mode_of(held.level, given.level)
            if lost:
                assert mode is not Mode.ATOMIC and not self.calm, (name, held, given)
                assert held.promisor[:16] + held.id in losses, (name, held, given)
