"""From a route to the event that starts an attempt: a descriptor, and each chain's first promise.

All chains of a payment share the descriptor. Each has a packet with an ephemeral key of its own: a
node that stands on two chains would otherwise see two packets under one key stream.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from node.core.events import Event, FirstPromise, StartAttempt
from node.core.rows import Line, LinePhase
from node.engine import Engine
from node.routing import RouteFound, RoutePart
from proto.adverts import NodeAdvert
from proto.descriptor import Descriptor, commit_id
from proto.keys import NodeId, SealKey
from proto.onion import Deliver, Forward, Instruction, wrap
from proto.payment_terms import terms_root
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest
from runtime.clock import Clock
from runtime.gossip import Gossip

Entropy = Callable[[int], bytes]
MakeEvent = Callable[[int], Event]


class Dictating:
    """What a payer says to start an attempt."""

    def __init__(self, engine: Engine, gossip: Gossip, clock: Clock, entropy: Entropy) -> None:
        self._engine = engine
        self._gossip = gossip
        self._clock = clock
        self._entropy = entropy

    def descriptor(
        self,
        request_hash: bytes,
        attempt: int,
        request: PaymentRequest,
        found: RouteFound,
        chosen: int | None = None,
    ) -> Descriptor:
        """A fresh one, with D counted from now. `chosen`: the amount, where the payer chose it."""
        hashes = request.decline_hashes
        rules_out = found.relies_on_registry or attempt > len(hashes)
        declines = found.policy.declines and not rules_out
        return Descriptor(
            salt=(salt := self._entropy(32)),
            deadline_us=self._clock.now_us() + found.deadline,
            policy=found.policy,
            committers=(request.committer_key,),
            threshold=1,
            terms_root=terms_root(salt, request_hash, chosen),
            decline_hash=hashes[attempt - 1] if declines else b"",
        )

    def start(
        self,
        payment: bytes,
        attempt: int,
        request: PaymentRequest,
        found: RouteFound,
        descriptor: Descriptor,
        admitted: Sequence[bytes],
    ) -> MakeEvent | Refusal:
        """The event but for its time; a refusal where a chain cannot be begun as it was planned."""
        encoded = descriptor.encode()
        now_us, nodes = descriptor.deadline_us - found.deadline, found.nodes
        deliver = Deliver(request.request_id, attempt - 1, request.amount)
        taken: dict[bytes, int] = {}
        firsts: list[FirstPromise] = []
        for part in found.parts:
            packet = self._packet(request, part, deliver, commit_id(encoded), now_us, nodes)
            if isinstance(packet, Refusal):
                return packet
            first = part.hops[0]
            line = self._line_to(first.promisee, request.brand.guid, taken)
            if line is None:
                return Refusal(Reason.NEXT_LINE_UNKNOWN)
            taken[line] = taken.get(line, 0) + first.amount
            expiry = part.schedule.expiries[0]
            expires_at_us = 0 if expiry is None else now_us + expiry
            promise = self._entropy(16)
            firsts.append(
                FirstPromise(promise, line, first.amount, first.level, expires_at_us, packet)
            )
        return partial(
            StartAttempt,
            payment=payment,
            attempt=attempt,
            descriptor_bytes=encoded,
            descriptor=descriptor,
            firsts=tuple(firsts),
            admitted=tuple(admitted),
            cost=found.cost,
            route=json.dumps(route_json(found, [first.promise for first in firsts])),
        )

    def _packet(
        self,
        request: PaymentRequest,
        part: RoutePart,
        deliver: Deliver,
        commit: bytes,
        now_us: int,
        nodes: Mapping[NodeId, NodeAdvert],
    ) -> bytes | Refusal:
        expiries = [now_us + e if e is not None else 0 for e in part.schedule.expiries]
        layers: list[tuple[bytes, Instruction]] = []
        for hop, following, expiry in zip(part.hops[:-1], part.hops[1:], expiries[1:], strict=True):
            # Our own ears first: who found the route may have heard of the node longer ago.
            advert = self._gossip.node(hop.promisee) or nodes.get(hop.promisee)
            if advert is None:
                return Refusal(Reason.NO_ROUTE)
            forward = Forward(
                following.promisee, request.brand.guid, following.amount, following.level, expiry
            )
            layers.append((advert.seal_key, forward))
        layers.append((request.seal_key, deliver))
        ephemeral = SealKey(self._entropy(32))
        packet = wrap(ephemeral, layers, commit, self._entropy(32))
        return Refusal(Reason.NEXT_LINE_UNKNOWN) if packet is None else packet

    def _line_to(self, peer: NodeId, brand: bytes, taken: Mapping[bytes, int]) -> bytes | None:
        """The open line with most room left. With several to one neighbour this always finds one
        that carries the amount: together the chains were planned for no more than the widest."""

        def room(line: Line) -> int:
            return line.available_out - taken.get(line.id, 0)

        lines = self._engine.memory.lines_with(peer)
        usable = [x for x in lines if x.brand.guid == brand and x.phase is LinePhase.OPEN]
        return max(usable, key=room).id if usable else None


def route_json(found: RouteFound, promises: Sequence[bytes] = ()) -> dict[str, Any]:
    """How a route is kept with its payment and shown: ids in hex, offsets in µs.

    `hops` and `modes` are those of the largest part; `promises` are the first ones of each.
    `despite`: lines that were asked although they had refused lately.
    """
    parts = [_part_json(part) for part in found.parts]
    for part, promise in zip(parts, promises, strict=False):
        part["promise"] = promise.hex()
    return {
        "policy": [member.hex() for member in found.policy.members],
        "quorums": [found.policy.qc, found.policy.qa, found.policy.f, found.policy.delta_us],
        "exact": found.exact,
        "despite": [[end.hex() for end in ends] for ends in found.despite],
        "hops": parts[0]["hops"],
        "modes": parts[0]["modes"],
        "deadline_us": found.deadline,
        "locks_us": [lock for part in found.parts for lock in part.schedule.locks],
        "parts": parts,
    }


def _part_json(part: RoutePart) -> dict[str, Any]:
    return {
        "amount": part.amount,
        "cost": part.cost,
        "hops": [
            {
                "from": hop.promisor.hex(),
                "to": hop.promisee.hex(),
                "level": hop.level.name,
                "amount": hop.amount,
            }
            for hop in part.hops
        ],
        "modes": {node.hex(): mode.name for node, mode in part.modes},
    }
