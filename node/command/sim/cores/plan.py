"""What a payer's engine does before the core: a request, a chain dictated by hand, an attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType

from node.command.sim.cast import NOW_US, RECORDS, SECOND, SINGLE, digest
from node.command.sim.cores.world import World
from node.core.apply import Applied
from node.core.effects import Answer
from node.core.events import (
    AcceptLine,
    AddRequest,
    CreatePayment,
    FirstPromise,
    OfferLine,
    StartAttempt,
)
from node.core.payee import committer_key, decline_preimage
from node.core.rows import Line, Payment, Promise, Request, RequestPhase
from node.core.view import Settings
from proto.descriptor import Descriptor, commit_id
from proto.fees import FREE_REGISTRY, Fee, FeeSet, price_of_pair
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey
from proto.levels import Level
from proto.limits import PAYEE_MARGIN_US
from proto.modes import Mode, mode_of
from proto.money import Brand, Rate
from proto.onion import Deliver, Forward, Instruction, wrap
from proto.payment_terms import terms_root
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.request import PaymentRequest, read_request, request_hash, sign_request
from proto.schedule import Schedule, schedule
from proto.viability import Chain, NodeFacts, check_chain

USD = Brand(digest("USD")[:16], "USD")
FEES = FeeSet(
    MappingProxyType(
        {
            Mode.ATOMIC: Fee(),
            Mode.SECURED: Fee(Rate.parse("1.001")),
            Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
            Mode.BARE: Fee(Rate.parse("1.006"), 5),
        }
    )
)
HOUR = 3600 * SECOND
ALL_REGISTRIES = frozenset(RECORDS)


def terms(node: NodeId, **changes: object) -> Settings:
    """The settings of a node that accepts every registry and watches them."""
    settings = Settings(
        node=node, fees=FEES, accepts=ALL_REGISTRIES, records=RECORDS, watches_registry=True
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def open_line(
    world: World, one: str, other: str, limit: int = 1_000_000, brand: Brand = USD
) -> bytes:
    """A line with the same limit in both directions."""
    line = world.draw("line")[:16]
    a, b = world.nodes[one], world.nodes[other]
    answered(world.event(one, OfferLine(world.now_us, line, b.id, brand, limit)))
    world.quiet()
    answered(world.event(other, AcceptLine(world.now_us, line, limit)))
    world.quiet()
    assert all((Line.table, line, b"") in node.books.rows for node in (a, b))
    return line


def answered(applied: Applied) -> Answer:
    """The one answer to an owner's wish; it must not be a refusal."""
    (answer,) = [e for e in applied.effects if isinstance(e, Answer)]
    assert answer.refusal is None, answer.refusal
    return answer


def refused(applied: Applied) -> object:
    """The refusal of an owner's wish, which must have changed nothing."""
    (answer,) = [e for e in applied.effects if isinstance(e, Answer)]
    assert not applied.changes and len(applied.effects) == 1, applied
    return answer.refusal


def make_request(world: World, payee: str, amount: int, **changes: object) -> Request:
    """A request of the payee, with three decline hashes; `changes` alter its terms or its row.
    `person`: whose purse at the payee it fills."""
    node = world.nodes[payee]
    seed = world.draw("request seed")
    certificate = KeyCertificate(
        node.id, KeyPurpose.SEAL, node.seal.public, NOW_US - SECOND, NOW_US + 1000 * HOUR
    )
    request = PaymentRequest(
        request_id=world.draw("request")[:16],
        payee=node.id,
        payee_alias=payee,
        brand=USD,
        amount=amount,
        committer_key=committer_key(seed).public,
        seal_key=node.seal.public,
        seal_certificate=certify_key(node.key, certificate).SerializeToString(),
        expires_at_us=world.now_us + HOUR,
        latest_deadline_us=world.now_us + HOUR,
        decline_hashes=tuple(sha256(decline_preimage(seed, i)).digest() for i in range(3)),
        policies=(SINGLE,),
    )
    own: dict[str, object] = {"person": changes.get("person", b"")}
    own |= {name: changes.pop(name) for name in ("manual", "bound") if name in changes}
    request = replace(request, **changes)  # type: ignore[arg-type]
    row = Request(
        id=request.request_id,
        signed=sign_request(node.key, request),
        seed=seed,
        amount=amount,
        brand=USD,
        phase=RequestPhase.OPEN,
        created_at_us=world.now_us,
        expires_at_us=request.expires_at_us,
        least=request.amount_min,
        **own,  # type: ignore[arg-type]
    )
    answered(world.event(payee, AddRequest(world.now_us, row)))
    return row


@dataclass(frozen=True)
class Route:
    """One chain: node names, one level for each promise, and what the payee receives over it."""

    names: Sequence[str]
    levels: Sequence[Level]
    amount: int


def amounts_of(world: World, route: Route, policy: RegistryPolicy) -> tuple[int, ...]:
    """Payer first, each intermediary at exactly its price."""
    amounts = [route.amount]
    pairs = list(zip(route.levels, route.levels[1:], strict=False))
    for name, (incoming, outgoing) in reversed(list(zip(route.names[1:-1], pairs, strict=True))):
        own = world.nodes[name].settings
        fees = [own.registry_fees.get(m, FREE_REGISTRY) for m in policy.members]
        price = price_of_pair(own.fees, fees, incoming=incoming, outgoing=outgoing)
        assert price is not None, (name, incoming, outgoing)
        amounts.append(price.amount_in_ceil(amounts[-1]))
    return tuple(reversed(amounts))


def policy_for(levels: Sequence[Level], policy: RegistryPolicy = SINGLE) -> RegistryPolicy:
    return EMPTY_POLICY if all(level is Level.BARE for level in levels) else policy


def relies(levels: Sequence[Level]) -> bool:
    """Some node is in mode SECURED or GATEWAY: V12 forbids a decline, V6 asks for ADMITTED."""
    modes = [mode_of(a, b) for a, b in pairwise(levels)]
    return any(mode is not None and mode.relies_on_registry for mode in modes)


def is_viable(levels: Sequence[Level], policy: RegistryPolicy = SINGLE) -> bool:
    """Whether some network lets a payer dictate these levels."""
    members = frozenset(policy_for(levels, policy).members)
    everybody = frozenset(policy.members)
    nodes = []
    for i in range(len(levels) + 1):
        proxy = i < len(levels) and levels[i] is Level.PROXY
        nodes.append(
            NodeFacts(frozenset() if proxy else everybody, everybody, True, 60 * SECOND, FEES)
        )
    amounts = (1,) * len(levels)
    chain = Chain(
        names=tuple(range(len(nodes))),
        nodes=tuple(nodes),
        levels=tuple(levels),
        amounts=amounts,
        available=amounts,
        members=members,
        lateness_us=policy_for(levels, policy).lateness_us,
        declines=False,
    )
    return not check_chain(chain)


@dataclass(frozen=True)
class Attempt:
    """What was started, for tests to look at and to bend."""

    payment: bytes
    event: StartAttempt
    plans: tuple[Schedule, ...]

    @property
    def commit(self) -> bytes:
        return commit_id(self.event.descriptor_bytes)

    @property
    def deadline_us(self) -> int:
        return self.event.descriptor.deadline_us


def create(
    world: World, payer: str, request: Request, bound: bytes = b"", amount: int = 0
) -> bytes:
    """Books the intention to pay a request. Returns the payment's id. `bound`: the descriptor of
    the exchange whose leg it is. `amount`: as its payer chooses it."""
    payment = world.draw("payment")[:16]
    read = read_request(request.signed, world.now_us)
    hashed = request_hash(request.signed)
    event = CreatePayment(world.now_us, payment, hashed, request.signed, read, "{}", bound)
    event = replace(event, amount=amount)
    answered(world.event(payer, event))
    return payment


def dictate(
    world: World,
    payment: bytes,
    request: Request,
    routes: Sequence[Route],
    *,
    policy: RegistryPolicy = SINGLE,
    attempt: int = 1,
    decline: int | None = None,
    amounts: Mapping[int, Sequence[int]] = MappingProxyType({}),
    payee_margin_us: int = PAYEE_MARGIN_US,
    bound: Descriptor | None = None,
    chosen: int | None = None,
) -> Attempt:
    """The event that starts an attempt. `decline`: index of the decline hash that it names.
    `bound`: the descriptor of the exchange whose leg it is, instead of one of its own. `chosen`:
    the amount, where the request leaves it to its payer."""
    every = [level for route in routes for level in route.levels]
    policy = policy_for(every, policy) if bound is None else bound.policy
    late = policy.lateness_us
    if bound is None:
        deadline = max(_schedule(r, late, 0, payee_margin_us).deadline for r in routes)
    else:
        deadline = bound.deadline_us - world.now_us
    plans = tuple(_schedule(r, late, deadline, payee_margin_us) for r in routes)
    payer = routes[0].names[0]
    descriptor = bound or _descriptor(world, request, policy, deadline, decline, chosen)
    data = descriptor.encode()
    deliver = Deliver(request.id, decline or 0, request.amount if chosen is None else chosen)
    firsts, costs = [], 0
    for i, (route, plan) in enumerate(zip(routes, plans, strict=True)):
        chain = amounts.get(i) or amounts_of(world, route, policy)
        first = _first(world, route, plan, tuple(chain), commit_id(data), deliver)
        firsts.append(first)
        costs += first.amount
    admitted: tuple[bytes, ...] = ()
    if any(relies(route.levels) for route in routes):
        members = [j for j in world.judges.values() if j.id in policy.members]
        admitted = tuple(judge.announce(data, world.now_us) for judge in members)
    event = StartAttempt(
        world.now_us, payment, attempt, data, descriptor, tuple(firsts), admitted, costs, payer
    )
    return Attempt(payment, event, plans)


def _descriptor(
    world: World,
    request: Request,
    policy: RegistryPolicy,
    deadline: int,
    decline: int | None,
    chosen: int | None,
) -> Descriptor:
    salt = world.draw("salt")
    hashes = [sha256(decline_preimage(request.seed, i)).digest() for i in range(3)]
    return Descriptor(
        salt=salt,
        deadline_us=world.now_us + deadline,
        policy=policy,
        committers=(committer_key(request.seed).public,),
        threshold=1,
        # Of a request that leaves no choice its payee asks for no particular one.
        terms_root=digest("terms")
        if chosen is None
        else terms_root(salt, request_hash(request.signed), chosen),
        decline_hash=b"" if decline is None else hashes[decline],
    )


def _schedule(route: Route, lateness_us: int, floor_us: int, margin_us: int) -> Schedule:
    plan = schedule(
        route.levels,
        lateness_us=lateness_us,
        payee_margin_us=margin_us,
        deadline_floor=floor_us or 10 * SECOND,
    )
    assert plan is not None, route.levels
    return plan


def _first(
    world: World,
    route: Route,
    plan: Schedule,
    amounts: tuple[int, ...],
    commit: bytes,
    deliver: Deliver,
) -> FirstPromise:
    expiries = [0 if e is None else world.now_us + e for e in plan.expiries]
    layers: list[tuple[bytes, Instruction]] = []
    for i in range(1, len(route.levels)):
        onward = world.nodes[route.names[i + 1]].id
        forward = Forward(onward, USD.guid, amounts[i], route.levels[i], expiries[i])
        layers.append((world.nodes[route.names[i]].seal.public, forward))
    layers.append((world.nodes[route.names[-1]].seal.public, deliver))
    packet = wrap(SealKey(world.draw("ephemeral")), layers, commit, world.draw("padding"))
    assert packet is not None
    return FirstPromise(
        promise=world.draw("promise")[:16],
        line=world.line(route.names[0], route.names[1]).id,
        amount=amounts[0],
        level=route.levels[0],
        expires_at_us=expiries[0],
        packet=packet,
    )


def pay(
    world: World, routes: Sequence[Route], request: Request | None = None, **options: object
) -> Attempt:
    """Request, payment and first attempt; nothing is delivered yet."""
    if request is None:
        request = make_request(world, routes[0].names[-1], sum(r.amount for r in routes))
    payment = create(world, routes[0].names[0], request)
    attempt = dictate(world, payment, request, routes, **options)  # type: ignore[arg-type]
    answered(world.event(routes[0].names[0], attempt.event))
    return attempt


def payment_of(world: World, payer: str, attempt: Attempt) -> Payment:
    row = world.nodes[payer].books.rows[(Payment.table, attempt.payment, b"")]
    assert isinstance(row, Payment)
    return row


def request_of(world: World, payee: str, request: Request) -> Request:
    row = world.nodes[payee].books.rows[(Request.table, request.id, b"")]
    assert isinstance(row, Request)
    return row


def chain_world(levels: Sequence[Level], **changes: object) -> tuple[World, list[str]]:
    """P, A, B, ... along one chain with open lines, trusting what the levels need."""
    names = ["P", *"ABCDEFGHIJ"[: len(levels) - 1], "Q"]
    world = World()
    for i, name in enumerate(names):
        proxy = i < len(levels) and levels[i] is Level.PROXY
        own: dict[str, object] = {"accepts": frozenset()} if proxy else {}
        world.add(name, lambda node, own=own: terms(node, **own, **changes))  # type: ignore[misc]
    for one, other in pairwise(names):
        open_line(world, one, other)
    return world, names


def ended(world: World) -> bool:
    """No promise of any node is pending."""
    return not any(p.pending for name in world.nodes for p in world.promises(name))


def held_by(world: World, name: str) -> list[Promise]:
    own = world.nodes[name].id
    return [p for p in world.promises(name) if p.promisor != own]


def given_by(world: World, name: str) -> list[Promise]:
    own = world.nodes[name].id
    return [p for p in world.promises(name) if p.promisor == own]


def balance(world: World, name: str) -> int:
    """What all neighbours owe it, net."""
    return sum(line.balance for line in world.lines(name))


def assert_books_mirror(world: World) -> None:
    """Invariant 1, once messages have drained."""
    total = 0
    for name in world.nodes:
        for line in world.lines(name):
            total += line.balance
            (peer,) = [n for n in world.nodes.values() if n.id == line.peer]
            mirror = peer.books.rows[line.key]
            assert isinstance(mirror, Line)
            one = (line.booked_out, line.sequence_out, line.pending_out, line.count_out)
            other = (mirror.booked_in, mirror.sequence_in, mirror.pending_in, mirror.count_in)
            assert one == other, f"{name} to {peer.name}: {one}, mirrored as {other}"
    assert total == 0, f"balances sum to {total}"
