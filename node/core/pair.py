"""What an intermediary checks about its own pair, whatever the payer said (protocol section 4)."""

from collections.abc import Iterable

from node.core.rows import Line
from node.core.view import Settings
from proto.certificate import verify_interim
from proto.descriptor import Descriptor, commit_id
from proto.fees import FREE_REGISTRY, Exchange, price_of_pair
from proto.levels import Level
from proto.limits import (
    CLOCK_ERROR_MAX_US,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
    WATCH_MARGIN_US,
)
from proto.messages import Promise as PromiseMessage
from proto.modes import Mode, is_late_leak, mode_of
from proto.money import Brand
from proto.onion import Forward
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal
from proto.schedule import lock_of
from proto.statement import InterimKind
from proto.viability import NodeFacts, Rule, pair_rule

_REASON_OF_RULE = {
    Rule.V1: Reason.REGISTRY_NOT_ACCEPTED,
    Rule.V2: Reason.PROXY_NOT_ALLOWED,
    Rule.V3: Reason.PAIR_NEVER_USED,
    Rule.V4: Reason.POLICY_MISSING,
    Rule.V6: Reason.REGISTRY_NOT_ACCEPTED,
    Rule.V7: Reason.NOT_WATCHING,
    Rule.V9: Reason.MODE_REFUSED,
}


def check_pair(
    settings: Settings,
    now_us: int,
    held: PromiseMessage,
    brand_in: Brand,
    given: Forward,
    line_out: Line,
    descriptor: Descriptor,
) -> Refusal | None:
    """Rules V1–V4, V6–V9 and V12 and the price, for the pair (promise held, promise to give).

    Cheapest first. Credit on the outgoing line (V10) is the caller's next check.
    """
    members = frozenset(descriptor.policy.members)
    fees = settings.line_fees.get(line_out.id, settings.fees)
    facts = NodeFacts(
        settings.usable,
        settings.known,
        settings.watches_registry,
        settings.hold_max_us,
        fees,
    )
    if rule := pair_rule(held.level, given.level, facts, members):
        mode = mode_of(held.level, given.level)
        figure = int(mode) if rule is Rule.V9 and mode is not None else 0
        return Refusal(_REASON_OF_RULE[rule], figure)
    mode = mode_of(held.level, given.level)
    assert mode is not None
    if settings.clock_error_us > CLOCK_ERROR_MAX_US and mode is not Mode.ATOMIC:
        return Refusal(Reason.CLOCK_UNSAFE, settings.clock_error_us)
    if mode.relies_on_registry:
        # Of STAMP_MARGIN the grace and our own clock take three quarters: a registry that has to be
        # surer of its clock than by the rest stamps no commit that comes at the last moment.
        worst_us = max(settings.records[member].max_error_us for member in members)
        if worst_us > CLOCK_ERROR_MAX_US:
            return Refusal(Reason.CLOCK_UNSAFE, worst_us)
    if refusal := _check_times(settings, now_us, held, given, descriptor, mode):
        return refusal
    if mode.relies_on_registry:
        if descriptor.decline_hash:
            return Refusal(Reason.DECLINE_NOT_ALLOWED)
        if not _admitted(settings, now_us, held.admitted, descriptor.policy, held.descriptor):
            return Refusal(Reason.ADMISSION_MISSING)
    return _check_price(settings, held, brand_in, given, line_out, members)


def _check_times(
    settings: Settings,
    now_us: int,
    held: PromiseMessage,
    given: Forward,
    descriptor: Descriptor,
    mode: Mode,
) -> Refusal | None:
    """V8: the schedule of section 5 around this node, and what the promise locks."""
    expiry = given.expires_at_us if given.level.has_expiry else None
    if expiry is not None and expiry <= now_us:
        return Refusal(Reason.EXPIRY_PASSED, now_us - expiry)
    lock = lock_of(given.level, expiry, descriptor.limit_us) - now_us
    if (excess := lock - settings.hold_max_us - CLOCK_ERROR_MAX_US) > 0:
        return Refusal(Reason.HOLD_TOO_LONG, excess)
    if mode.relies_on_registry:
        assert expiry is not None
        if (missing := expiry + STAMP_MARGIN_US - descriptor.deadline_us) > 0:
            return Refusal(Reason.SCHEDULE_TOO_TIGHT, missing)
    needed = least_incoming_expiry(held.level, given.level, expiry, descriptor.limit_us)
    if needed is not None and (missing := needed - held.expires_at_us) > 0:
        return Refusal(Reason.SCHEDULE_TOO_TIGHT, missing)
    return None


def least_incoming_expiry(
    held: Level, given: Level, given_expiry: int | None, limit_us: int
) -> int | None:
    """The least expiry of the promise held that section 5 allows; None where it does not matter.

    Absolute times. ATOMIC has none, and SECURED before a stamped level is safe at any expiry.
    """
    if held is Level.ATOMIC or (held is Level.SECURED and given.needs_stamp):
        return None
    if is_late_leak(held, given):
        least = limit_us + WATCH_MARGIN_US + PRESENT_MARGIN_US
        if given_expiry is not None:
            least = max(least, given_expiry + PRESENT_MARGIN_US)
        return least
    assert given_expiry is not None
    return given_expiry + PRESENT_MARGIN_US


def _admitted(
    settings: Settings,
    now_us: int,
    answers: Iterable[bytes],
    policy: RegistryPolicy,
    descriptor: bytes,
) -> bool:
    """V6: enough members to be stamped have answered ADMITTED for this id, each in its own
    signature. A single registry has to; of several, f may be silent."""
    commit, admitted = commit_id(descriptor), set()
    for answer in answers:
        interim = verify_interim(answer, settings.records, now_us)
        if interim and interim.kind is InterimKind.ADMITTED and interim.subject == commit:
            admitted.add(interim.registry)
    return len(admitted & frozenset(policy.members)) >= policy.admissions


def _check_price(
    settings: Settings,
    held: PromiseMessage,
    brand_in: Brand,
    given: Forward,
    line_out: Line,
    members: frozenset[bytes],
) -> Refusal | None:
    exchange = None
    if brand_in.guid != given.brand:
        exchange = _exchange(settings, brand_in.guid, given.brand)
        if exchange is None or given.amount > exchange.limit:
            return Refusal(Reason.EXCHANGE_REFUSED)
    own = settings.line_registry_fees.get(line_out.id, settings.registry_fees)
    price = price_of_pair(
        settings.line_fees.get(line_out.id, settings.fees),
        [own.get(member, FREE_REGISTRY) for member in sorted(members)],
        incoming=held.level,
        outgoing=given.level,
        exchange=exchange,
    )
    assert price is not None
    if (short := price.amount_in_ceil(given.amount) - held.amount) > 0:
        return Refusal(Reason.FEE_SHORT, short)
    return None


def _exchange(settings: Settings, brand_in: bytes, brand_out: bytes) -> Exchange | None:
    for exchange in settings.exchange:
        if exchange.brand_in == brand_in and exchange.brand_out == brand_out:
            return exchange
    return None
