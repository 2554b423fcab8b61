"""What an intermediary may take upon itself, told anew: sections 4 to 6 of the protocol (pure)."""

from collections.abc import Iterable

from node.command.sim.oracle.book import Complaint
from node.command.sim.oracle.tables import LATE_LEAKS, LATE_OK, MODES, NEEDS_STAMP, OWN_EXPIRY
from node.core.rows import Promise
from proto.descriptor import Descriptor
from proto.envelope import Envelope
from proto.messages import Promise as PromiseMessage
from proto.messages import decode
from proto.statement import Interim, InterimKind
from proto.v1 import types_pb2 as pb

MARGIN_US = 2_000_000  # STAMP_MARGIN, PRESENT_MARGIN and WATCH_MARGIN are of one length
CLOCK_US = 500_000  # of error that every time may have


def times(
    held: Promise, given: Promise, descriptor: Descriptor, hold_max_us: int, now_us: int
) -> Iterable[Complaint]:
    """Section 5 around one node. `now_us`: its own clock when the pair became durable."""
    levels = held.level.name, given.level.name
    mode = MODES[levels]
    if mode in ("SECURED", "GATEWAY") and given.expires_at_us + MARGIN_US > descriptor.deadline_us:
        yield 6, f"{mode}: gives until {given.expires_at_us}, D is {descriptor.deadline_us}"
    least_us = 0
    if levels in LATE_LEAKS:
        least_us = descriptor.limit_us + 2 * MARGIN_US
    if held.level.name != "ATOMIC" and given.level.name in {*OWN_EXPIRY, "SECURED"}:
        stamped = held.level.name == "SECURED" and given.level.name in NEEDS_STAMP
        if not stamped:
            least_us = max(least_us, given.expires_at_us + MARGIN_US)
    if least_us > held.expires_at_us:
        yield 6, f"{levels}: holds until {held.expires_at_us}, should until {least_us}"
    free_us = given.expires_at_us if given.level.name != "ATOMIC" else 0
    if given.level.name in LATE_OK:
        free_us = max(free_us, descriptor.limit_us)
    lock_us = free_us - max(now_us, given.made_at_us)
    if lock_us > hold_max_us + CLOCK_US:
        yield 6, f"{given.level.name} locks for {lock_us} µs, {hold_max_us} at most"


def escape(held: Promise, given: Promise, descriptor: Descriptor) -> Iterable[Complaint]:
    """V6 and V12: a node that relies on the registry has been admitted, and nobody can decline."""
    mode = MODES[held.level.name, given.level.name]
    if mode not in ("SECURED", "GATEWAY"):
        return
    if descriptor.decline_hash:
        yield 6, f"is in mode {mode} and the payee can decline"
    admitted = _admitted(held) & set(descriptor.policy.members)
    if len(admitted) < descriptor.policy.qc:
        yield 6, f"is in mode {mode}, admitted by {len(admitted)} of {descriptor.policy.qc}"


def _admitted(held: Promise) -> set[bytes]:
    """The registries whose admission came with a promise, as its promisor signed it."""
    body = decode(Envelope.decode_unverified(held.evidence).payload)[2]
    assert isinstance(body, PromiseMessage)
    answers = [Interim.decode(pb.SignedInterim.FromString(a).interim) for a in body.admitted]
    return {
        answer.registry
        for answer in answers
        if answer.kind is InterimKind.ADMITTED and answer.subject == held.commit
    }
