"""What a node in the middle of a chain can know: its two neighbours and its own pair.

Everything that it stores (every column of every table, and the raw bytes of its files), holds in
memory, is told on its streams and logs at the finest level is searched for what belongs to others.
Adverts name nodes, and are kept apart: in memory alone, by no payment (tests/e2e/test_privacy.py
looks at daemons that have heard adverts of the whole network).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import trio
import trio.testing

from node.command.sim.cast import SINGLE
from node.command.sim.cores.plan import Attempt, Route, amounts_of, ended, make_request, pay
from node.core.events import AbandonPayment, DeclineRequest
from node.core.rows import Promise, PromisePhase, Request, Row
from proto.envelope import Envelope
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.messages import MESSAGE_KIND, decode
from proto.messages import Promise as PromiseMessage
from proto.modes import Mode
from proto.money import Rate
from proto.onion import PACKET_BYTES
from proto.reason import Reason
from proto.request import request_hash
from runtime.transport import BatchArrived
from tests.node.engines import Engines, chain, engines

A, S, B, X = Level.ATOMIC, Level.SECURED, Level.BARE, Level.PROXY
CHAIN = "PABCQ"
AMOUNT = 2**52 + 12_345  # long enough not to occur by chance
LIMIT = 2**60
# Every mode costs something, so that no two promises of a chain have one amount.
FEES = FeeSet({mode: Fee(Rate.parse("1.00013"), 7) for mode in Mode})
WINDOW = 8  # bytes in common that cannot be chance: one in 2**64 for each place
HEADER = 33  # version and ephemeral key of a packet


@dataclass(frozen=True)
class Secret:
    """Something that only its owners may know, in every form in which it could be kept."""

    what: str
    owners: str  # names of nodes
    forms: tuple[bytes, ...]

    def is_in(self, data: bytes) -> bool:
        return any(form in data for form in self.forms)


def identity(what: str, owners: str, value: bytes) -> Secret:
    hexed = value.hex().encode()
    return Secret(what, owners, (value, hexed, hexed.upper()))


def number(what: str, owners: str, value: int) -> Secret:
    """An amount as text, as a number of 8 bytes either way round, and as a varint."""
    varint, left = b"", value
    while left:
        varint += bytes([left & 127 | (128 if left > 127 else 0)])
        left >>= 7
    forms = (str(value).encode(), value.to_bytes(8, "big"), value.to_bytes(8, "little"), varint)
    # A small number of SQLite is 6 bytes long.
    return Secret(what, owners, (*forms, value.to_bytes(8, "big")[1:]))


def neighbours(name: str) -> str:
    at = CHAIN.index(name)
    return CHAIN[max(0, at - 1) : at + 2]


def secrets(
    world: Engines, requests: Iterable[Request], attempts: Sequence[Attempt]
) -> list[Secret]:
    found = []
    for name in CHAIN:
        node, known = world.nodes[name], neighbours(name)
        found += [
            identity(f"{name}'s id", known, bytes(node.id)),
            # A payer learns the seal key of whoever is on its chain; that is not in the middle.
            identity(f"{name}'s seal key", name + "P", node.seal.public),
            Secret(f"{name}'s alias", known, (f"House of {name}".encode(),)),
            Secret(f"{name}'s address", known, (f"{name.lower()}.example".encode(),)),
        ]
    for request in requests:
        found += [
            identity("the request's id", "PQ", request.id),
            identity("the request's hash", "P", request_hash(request.signed)),
            identity("the request's seed", "Q", request.seed),
            Secret("the request", "PQ", (request.signed[:64], request.signed[-64:])),
        ]
    found += [identity("the payment's id", "P", a.payment) for a in attempts]
    for one, other in pairwise(CHAIN):
        found.append(identity(f"line {one}-{other}", one + other, world.line(one, other).id))
        for promise in given(world, one, other):
            found.append(identity(f"promise {one} to {other}", one + other, promise.id))
            found.append(number(f"amount {one} to {other}", one + other, promise.amount))
    return found


def given(world: Engines, one: str, other: str) -> list[Promise]:
    own, to = world.nodes[one].id, world.nodes[other].id
    return [p for p in world.promises(one) if p.promisor == own and p.peer == to]


# ---------------------------------------------------------------- what a node has


def pieces(value: object) -> Iterable[bytes]:
    """Every value within a value, as bytes."""
    if isinstance(value, bytes | bytearray):
        yield bytes(value)
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, int):
        yield str(int(value)).encode()
    elif is_dataclass(value):
        for field in fields(value):
            yield from pieces(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from pieces(key)
            yield from pieces(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from pieces(item)
    else:
        assert value is None, type(value)


def everything(world: Engines, name: str, directory: Path) -> dict[str, list[bytes]]:
    running = world.running(name)
    rows: list[Row] = [*world.stored(name), *running.engine.memory.rows.values()]
    with world.hosts[name].database.connect() as connection:
        tables = {
            table: [tuple(r) for r in connection.exec_driver_sql(f"SELECT * FROM [{table}]")]
            for (table,) in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
        }
    told = [e.envelopes for e in running.heard if isinstance(e, BatchArrived)]
    files = [p.read_bytes() for p in directory.glob(f"{name}.sqlite*")]
    assert sum(map(len, files)) > 50_000 and len(tables) > 8 and told and rows
    found = {f"table {t}": list(pieces(content)) for t, content in tables.items()}
    found["memory"] = list(pieces(rows))
    found["streams"] = list(pieces(list(running.engine.links.neighbours.values())))
    found["words of neighbours"] = list(pieces(told))
    found["raw files"] = files
    return found


LEVELS = [(A, A, A, A), (S, S, S, S), (B, B, B, B), (S, B, B, B), (B, A, A, A)]


async def test_a_middle_node_knows_no_name_but_its_neighbours(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Payments that commit at every level, one that is refused by the payee, one that is aborted
    by the registry, one that a node in the middle refuses, and one that is abandoned."""
    caplog.set_level(logging.DEBUG)
    async with engines(tmp_path) as world:
        await chain(world, CHAIN, LIMIT, fees=FEES)
        requests = [make_request(world, "Q", AMOUNT + i * 7919) for i in range(len(LEVELS) + 1)]
        requests += [make_request(world, "Q", AMOUNT - i, manual=True) for i in range(3)]
        declined, expired, abandoned = requests[-3:]
        world.event("Q", DeclineRequest(world.now_us, declined.id))
        await world.rest()
        attempts = []
        for levels, request in zip([*LEVELS, *[LEVELS[0]] * 4], requests, strict=True):
            route = Route(CHAIN, levels, request.amount)
            amounts = amounts_of(world, route, SINGLE)
            if len(attempts) == len(LEVELS):
                amounts = (*amounts[:2], amounts[3], amounts[3])  # too little for C
            attempts.append(pay(world, [route], request, amounts={0: amounts}))
            await world.rest()
        assert expired is requests[-2] and abandoned is requests[-1]
        world.event("P", AbandonPayment(world.now_us, attempts[-1].payment))
        await trio.sleep(60)
        assert ended(world)
        ends = [(p.phase, p.because and p.because.reason) for p in given(world, "B", "C")]
        assert set(ends) == {
            (PromisePhase.REDEEMED, None),
            (PromisePhase.REFUSED, Reason.FEE_SHORT),
            (PromisePhase.RELEASED, Reason.PAYEE_DECLINED),
            (PromisePhase.RELEASED, Reason.ABANDONED),
            (PromisePhase.ABORTED, None),
        }
        found = secrets(world, requests, attempts)
        had = {name: everything(world, name, tmp_path) for name in CHAIN}
    leaks = [
        f"{name} has {secret.what} in its {where}"
        for name in "ABC"
        for secret in found
        if name not in secret.owners
        for where, data in had[name].items()
        if any(secret.is_in(piece) for piece in data)
    ]
    assert not leaks, "\n".join(leaks)
    # The search finds what is there: each secret is somewhere at each of its owners.
    for secret in found:
        if "seal key" in secret.what or "alias" in secret.what or "address" in secret.what:
            continue
        for owner in secret.owners:
            data = [piece for each in had[owner].values() for piece in each]
            assert any(secret.is_in(piece) for piece in data), f"{owner} lacks {secret.what}"
    logged = caplog.text.encode()
    strangers = [s for s in found if "alias" not in s.what and s.is_in(logged)]
    assert not strangers, strangers


# ---------------------------------------------------------------- packets


def promises_heard(world: Engines, name: str) -> list[tuple[PromiseMessage, bytes]]:
    found = []
    for event in world.running(name).heard:
        for data in event.envelopes if isinstance(event, BatchArrived) else ():
            envelope = Envelope.decode(data)
            assert envelope.kind == MESSAGE_KIND
            body = decode(envelope.payload)[2]
            if isinstance(body, PromiseMessage):
                found.append((body, envelope.payload))
    return found


def windows(data: bytes) -> set[bytes]:
    return {data[i : i + WINDOW] for i in range(len(data) - WINDOW + 1)}


async def test_packets_tell_neither_the_length_of_a_chain_nor_the_place_in_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    sizes = set()
    for names in ("PQ", "PAQ", "PABQ", CHAIN):
        async with engines() as world:
            await chain(world, names, LIMIT, fees=FEES)
            pay(world, [Route(names, (A,) * (len(names) - 1), AMOUNT)])
            await world.rest()
            for name in names[1:]:
                ((promise, payload),) = promises_heard(world, name)
                assert len(promise.packet) == PACKET_BYTES
                sizes.add(len(payload))
    assert len(sizes) == 1, "the whole message has one size, for equal digits of its amount"


async def test_packets_of_two_hops_share_their_ephemeral_key_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world, CHAIN, LIMIT, fees=FEES)
        for _ in range(2):
            pay(world, [Route(CHAIN, (A,) * 4, AMOUNT)])
        await world.rest()
        seen = {name: [p.packet for p, _ in promises_heard(world, name)] for name in CHAIN[1:]}
    for one, other in pairwise(CHAIN[1:]):
        for mine, next_one in zip(seen[one], seen[other], strict=True):
            assert mine[:HEADER] == next_one[:HEADER]
            assert not windows(mine[HEADER:]) & windows(next_one[HEADER:])
    everybody = [packet for packets in seen.values() for packet in packets]
    assert len({p[:HEADER] for p in everybody}) == 2, "two payments have nothing in common"
    assert len(everybody) == 8
