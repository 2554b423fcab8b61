"""Slips in registries and path finders, and people who ask for what nobody should give."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from node import dictating
from node.core.events import FirstPromise
from node.routing import RouteFound
from pathfinder.core import steps
from pathfinder.network import Node
from pathfinder.serving import feed
from proto.descriptor import Descriptor
from proto.fees import Price
from proto.request import PaymentRequest
from proto.statement import DecisionReason
from registry import decider, log
from registry.log import Answer, CommitShown, Fence, Logged, Query, Row, Terms, Verdict
from registry.store import Key
from registry.timing import Reading
from tests.sim.patching import changed

LONG_US = 10**12


@contextmanager
def committed_late() -> Iterator[None]:
    """A registry commits whatever is shown to it, in time or not."""
    sound = log.decide

    def decide(
        event: log.Event,
        stored: Logged | None,
        reading: Reading,
        terms: Terms,
        fence: Fence | None = None,
    ) -> Verdict:
        if stored is None and isinstance(event, CommitShown) and reading.usable:
            limit_us = max(event.subject.descriptor.limit_us, reading.now_us)
            return log._shown(event, DecisionReason.COMMIT, limit_us, reading)
        return sound(event, stored, reading, terms, fence)

    with changed(decider, "decide", decide):
        yield


@contextmanager
def clock_first() -> Iterator[None]:
    """A registry looks at its clock before its rows, and believes itself, not its database."""
    sound, settled = log.decide, decider._settled

    def decide(
        event: log.Event,
        stored: Logged | None,
        reading: Reading,
        terms: Terms,
        fence: Fence | None = None,
    ) -> Verdict:
        return sound(event, None if isinstance(event, Query) else stored, reading, terms, fence)

    def believed(verdict: Verdict | Key, decided: dict[Key, Logged]) -> Answer:
        answer = settled(verdict, decided)
        return replace(answer, row=verdict) if isinstance(verdict, Row) else answer

    with changed(decider, "decide", decide), changed(decider, "_settled", believed):
        yield


# ---------------------------------------------------------------- path finders


@contextmanager
def a_unit_too_little() -> Iterator[None]:
    """Routes are planned with a unit less than each node on them asks for."""
    sound = steps.price

    def price(*given: object, **named: object) -> Price:
        asked = sound(*given, **named)  # type: ignore[arg-type]
        return replace(asked, flat=max(0, asked.flat - 1))

    with changed(steps, "price", price):
        yield


@contextmanager
def _known_as(**believed: object) -> Iterator[None]:
    """Routes are planned as if this held of everybody, whatever each says of himself."""

    def node(**known: object) -> Node:
        return Node(**{**known, **believed})  # type: ignore[arg-type]

    with changed(feed, "Node", node):
        yield


@contextmanager
def everybody_holds_long() -> Iterator[None]:
    """Routes are planned as if nobody minded how long its credit is held."""
    with _known_as(hold_max_us=LONG_US):
        yield


# ---------------------------------------------------------------- who asks for too much


@contextmanager
def everybody_watches() -> Iterator[None]:
    """Payers who take everybody for a watcher."""
    with _known_as(watches_registry=True):
        yield


@contextmanager
def payers_give_less() -> Iterator[None]:
    """Payers who dictate a unit less for the first node than it asks for."""

    def first(promise: bytes, line: bytes, amount: int, *others: object) -> FirstPromise:
        return FirstPromise(promise, line, amount - 1, *others)  # type: ignore[arg-type]

    with changed(dictating, "FirstPromise", first):
        yield


@contextmanager
def payers_let_decline() -> Iterator[None]:
    """Payers who let the payee decline at the registry whatever the modes are."""
    sound = dictating.Dictating.descriptor

    def descriptor(
        self: dictating.Dictating,
        request_hash: bytes,
        attempt: int,
        request: PaymentRequest,
        found: RouteFound,
        chosen: int | None = None,
    ) -> Descriptor:
        made = sound(self, request_hash, attempt, request, found, chosen)
        return replace(made, decline_hash=request.decline_hashes[attempt - 1])

    with changed(dictating.Dictating, "descriptor", descriptor):
        yield
