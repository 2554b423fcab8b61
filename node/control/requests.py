"""Verbs of the payee: create a request, look at it, confirm or decline it."""

import json
from dataclasses import astuple, dataclass
from functools import partial
from hashlib import sha256
from heapq import nlargest
from math import ceil
from typing import Any, Final

from node.control.context import Context
from node.control.escrow import money_for_us
from node.control.escrow_view import seats_in
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.request_parts import take_amounts, take_parts
from node.core.escrow.rows import SeatPhase
from node.core.events import AddRequest, ConfirmRequest, DeclineRequest
from node.core.payee import committer_key, decline_preimage, terms_of
from node.core.people.rows import Person
from node.core.rows import Promise, PromisePhase, Request, RequestPhase
from node.request_shown import amounts_json, parts_json
from proto.escrow.proposal import proposal_hash
from proto.levels import Level
from proto.limits import (
    DECISION_TIME_US,
    MAX_ALIAS_CHARS,
    MAX_DESCRIPTION_CHARS,
    MAX_REQUEST_BYTES,
    MAX_REQUEST_POLICIES,
    US,
)
from proto.money import Brand
from proto.policy import RegistryPolicy, single
from proto.request import PaymentRequest, request_hash, sign_request, to_text

DEFAULT_EXPIRES_S: Final = 3600
MAX_EXPIRES_S: Final = 400 * 86_400  # an invoice of last year
DEFAULT_DEADLINE_S: Final = 60  # how long one attempt may hold the payee's side
ID_BYTES: Final = 16  # of a deal: the beginning of its proposal's hash
ATTEMPTS: Final = 8  # decline hashes in a request; later attempts go without
DEFAULT_LISTED: Final = 50
MAX_LISTED: Final = 100
MAX_LISTED_BYTES: Final = 900_000  # of the answer's 1 MiB; the last one may be 20 KB long
COUNTERSIGNATURE_BYTES: Final = 160  # that its requester's signature and key add to it
MAX_AT_ONCE: Final = 500  # requests in one answer: some 700 KB of the 1 MiB that a call carries


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a request is to say, checked."""

    brand: Brand
    fields: dict[str, Any]  # of the request, for those that people read
    description: str
    expires_s: int
    deadline_s: int
    levels: frozenset[Level]
    policies: list[RegistryPolicy]
    manual: bool


def request_json(context: Context, request: Request) -> dict[str, Any]:
    """One request as every answer shows it."""
    terms = terms_of(request)
    promises = _promises(context, request)
    return {
        "id": request.id.hex(),
        "text": to_text(request.signed),
        "request_hash": request_hash(request.signed).hex(),
        **amounts_json(terms),
        "brand": request.brand.name,
        "brand_id": request.brand.guid.hex(),
        "phase": _phase(context, request),
        "manual": request.manual,
        "confirmed": request.confirmed,
        "description": terms.description,
        "exchange": terms.exchange.hex() or None,
        "last_levels": sorted(level.name for level in terms.last_levels),
        "registries": [context.policy_name(policy) for policy in terms.policies],
        "created_at_us": request.created_at_us,
        "expires_at_us": request.expires_at_us,
        "commit_id": request.commit.hex(),
        "taking": request.taking,
        "held": sum(p.amount for p in promises if p.pending),
        "received": _received(request, promises),
    }


def _received(request: Request, promises: list[Promise]) -> int:
    """What has come; one of this node's people pays another without a promise."""
    if request.phase is RequestPhase.PAID and not request.commit:
        return request.taking
    return sum(p.amount for p in promises if p.phase is PromisePhase.REDEEMED)


def _promises(context: Context, request: Request) -> list[Promise]:
    """Its own: in an exchange this node may also pay, and pass on, under the same commit_id."""
    return [p for p in context.settled.promises(request.commit) if p.owner == request.id]


def _phase(context: Context, request: Request) -> str:
    if request.phase in (RequestPhase.PAID, RequestPhase.DECLINED):
        return request.phase.name
    if exchange := terms_of(request).exchange:
        return _phase_in_exchange(context, request, exchange)
    promises = _promises(context, request)
    live = any(p.pending or p.phase is PromisePhase.REDEEMED for p in promises)
    if live:
        return "SIGNED" if request.phase is RequestPhase.SIGNED else "HELD"
    return "EXPIRED" if context.clock.now_us() > request.expires_at_us else "OPEN"


def _phase_in_exchange(context: Context, request: Request, exchange: bytes) -> str:
    """As of a request: it is paid by a leg of the exchange, under an id of that leg's own."""
    seats = seats_in(context, exchange[:ID_BYTES])
    if any(seat.phase is SeatPhase.DELIVERED for seat in seats):
        return RequestPhase.PAID.name
    free = (SeatPhase.INVITED, SeatPhase.JOINED)
    if any(not seat.phase.final and seat.phase not in free for seat in seats):
        return "HELD"
    over = bool(seats) and all(seat.phase.final for seat in seats)
    late = context.clock.now_us() > request.expires_at_us
    return "EXPIRED" if over or late else RequestPhase.OPEN.name


async def create(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A signed request in the `brand` of that name; the rest as `create_in` takes it.

    `for_exchange`: the beginning of a proposal's id. What it pays us is asked for, and whoever
    approves takes the seat that pays, so that the goods change hands in the same decision.
    """
    if named := arguments.text("for_exchange", ""):
        row = _signed(context, _in_exchange(context, arguments, named))
        await context.do(partial(AddRequest, request=row))
        return request_json(context, row)
    return await create_in(context, arguments, context.find_brand(arguments.text("brand")))


async def create_in(context: Context, arguments: Arguments, brand: Brand) -> dict[str, Any]:
    """A signed request. `registries` names registries and policies; without it, every policy that
    the owner has named and every registry, as far as the node accepts them. What else it may say:
    node.control.request_parts.

    `count`: that many requests of the same terms in one call; the answer lists ids and texts.
    """
    count = arguments.maybe_number("count", 1, MAX_AT_ONCE)
    wish = _wish(context, arguments, brand)
    rows = [_signed(context, wish) for _ in range(count or 1)]
    await context.do_all([partial(AddRequest, request=row) for row in rows])
    if count is None:
        return request_json(context, rows[0])
    return {"requests": [{"id": row.id.hex(), "text": to_text(row.signed)} for row in rows]}


def _wish(context: Context, arguments: Arguments, brand: Brand) -> _Wish:
    wish = _Wish(
        brand=brand,
        fields=take_amounts(arguments, brand) | take_parts(context, arguments),
        description=_description(arguments),
        expires_s=arguments.number("expires_s", DEFAULT_EXPIRES_S, 1, MAX_EXPIRES_S),
        deadline_s=arguments.number("deadline_s", DEFAULT_DEADLINE_S, 1, MAX_EXPIRES_S),
        levels=_levels(arguments.texts("last_levels")),
        policies=_policies(context, arguments.texts("registries")),
        manual=arguments.flag("manual", False),
    )
    arguments.done()
    if wish.fields["exchange"] and wish.fields["amount_min"]:
        raise bad_argument("amount_min", "what an exchange moves is fixed: name one amount")
    if wish.deadline_s * US < DECISION_TIME_US:
        raise bad_argument("deadline_s", f"at least {DECISION_TIME_US // US}")
    stamped = [level for level in wish.levels if level.needs_stamp]
    if wish.levels and len(stamped) == len(wish.levels) and not wish.policies:
        raise bad_argument("last_levels", f"{stamped[0].name} needs a registry that you accept")
    return wish


def _in_exchange(context: Context, arguments: Arguments, named: str) -> _Wish:
    """Over what the proposal's leg of money says, for the node that pays it. It can be approved
    until the seats must be taken, and is paid by that leg alone: no registry but the proposal's."""
    leg, proposal, signed = money_for_us(context, named)
    description, parts = _description(arguments), take_parts(context, arguments)
    arguments.done()
    if parts["exchange"] or parts["under"] or parts["mandate"] is not None:
        cause = "with for_exchange none of exchange, under and mandate"
        raise bad_argument("for_exchange", cause)
    left_s = (proposal.expires_at_us - context.clock.now_us()) // US
    if left_s < 1:
        cause = "nobody can join that exchange any more"
        raise ControlFailure("EXCHANGE_STATE", cause, "propose it once more")
    fields = parts | {
        "amount": leg.amount,
        "exchange": proposal_hash(signed),
        "audience": parts["audience"] or bytes(proposal.cards()[leg.from_seat].node),
    }
    return _Wish(
        brand=_brand_of(context, leg.brand),
        fields=fields,
        description=description,
        expires_s=left_s,
        deadline_s=ceil(proposal.within_us / US),
        levels=frozenset({Level.ATOMIC}),
        policies=list(proposal.policies),
        manual=False,
    )


def _brand_of(context: Context, guid: bytes) -> Brand:
    found = next((line.brand for line in context.lines if line.brand.guid == guid), None)
    if found is None:
        raise ControlFailure(
            "LINE_UNKNOWN",
            "it is paid in a brand in which this node has no line",
            "`pledgeway line offer CARD` opens one",
        )
    return found


def _description(arguments: Arguments) -> str:
    text = arguments.text("description", "")
    if len(text) > MAX_DESCRIPTION_CHARS or not text.isprintable():
        raise bad_argument("description", f"at most {MAX_DESCRIPTION_CHARS} printable characters")
    return text


def _signed(context: Context, wish: _Wish) -> Request:
    now_us = context.clock.now_us()
    seed = context.entropy(32)
    request_id = context.entropy(16)
    identity = context.identity
    request = PaymentRequest(
        request_id=request_id,
        payee=identity.key.node_id,
        payee_alias=_alias(context, wish.fields["person"]),
        brand=wish.brand,
        committer_key=committer_key(seed).public,
        seal_key=identity.seal.public,
        seal_certificate=identity.seal_certificate,
        expires_at_us=now_us + wish.expires_s * US,
        latest_deadline_us=now_us + (wish.expires_s + wish.deadline_s) * US,
        decline_hashes=tuple(_hash(decline_preimage(seed, i)) for i in range(ATTEMPTS)),
        policies=tuple(wish.policies),
        last_levels=wish.levels,
        description=wish.description,
        created_at_us=now_us,
        **wish.fields,
    )
    signed = sign_request(identity.key, request)
    # What nobody could read, its payee could not either: not even to show it.
    room = MAX_REQUEST_BYTES - (COUNTERSIGNATURE_BYTES if request.requester else 0)
    if (over := len(signed) - room) > 0:
        cause = f"{over} bytes too long: shorten the description, or name fewer registries"
        raise bad_argument("request", cause)
    return Request(
        id=request_id,
        signed=signed,
        seed=seed,
        amount=request.amount,
        brand=wish.brand,
        phase=RequestPhase.OPEN,
        created_at_us=now_us,
        expires_at_us=request.expires_at_us,
        manual=wish.manual,
        person=request.person,
        least=request.amount_min,
    )


def _alias(context: Context, person: bytes) -> str:
    """As whom a payer sees the payee: one of the people here by name, and where the account is."""
    row = context.engine.memory.row((Person.table, person, b"")) if person else None
    if not isinstance(row, Person):
        return context.alias
    at = f" at {context.alias}"
    return row.display[: max(1, MAX_ALIAS_CHARS - len(at))] + at[: MAX_ALIAS_CHARS - 1]


def _hash(preimage: bytes) -> bytes:
    return sha256(preimage).digest()


def _levels(named: list[str] | None) -> frozenset[Level]:
    try:
        return frozenset(Level[name.upper()] for name in named or ())
    except KeyError as error:
        choices = ", ".join(level.name for level in Level)
        raise bad_argument("last_levels", f"levels are {choices}") from error


def _policies(context: Context, named: list[str] | None) -> list[RegistryPolicy]:
    """The policies under which this request may be stamped; only of accepted registries."""
    accepted = context.engine.memory.settings.usable
    if named is None:
        own = [p for p in context.book.terms.policies.values() if accepted.issuperset(p.members)]
        # Where not all have room in a request, what the owner has named himself comes first.
        return [*own, *map(single, sorted(accepted))][:MAX_REQUEST_POLICIES]
    found = sorted({context.find_deciders(name) for name in named}, key=astuple)
    for member in {member for policy in found for member in policy.members} - accepted:
        exposed = member in context.engine.memory.settings.exposed
        why = "was proven to cheat" if exposed else "is not on your list"
        raise bad_argument("registries", f"{context.registry_name(member)} {why}")
    if len(found) > MAX_REQUEST_POLICIES:
        raise bad_argument("registries", f"at most {MAX_REQUEST_POLICIES} of them")
    return found


async def list_requests(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The newest ones: all of a busy payee would not fit into an answer."""
    limit = arguments.number("limit", DEFAULT_LISTED, 1, MAX_LISTED)
    arguments.done()
    newest = nlargest(limit, context.engine.memory.owned(Request), key=lambda r: r.created_at_us)
    listed: list[dict[str, Any]] = []
    size = 0
    for request in newest:
        listed.append(request_json(context, request))
        size += len(json.dumps(listed[-1]))
        if size > MAX_LISTED_BYTES:
            break
    return {"requests": listed}


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    request = context.find_request(arguments.text("id"))
    arguments.done()
    return request_json(context, request) | parts_json(terms_of(request))


async def confirm(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The owner takes the money of a manual request."""
    request = context.find_request(arguments.text("id"))
    arguments.done()
    await context.do(partial(ConfirmRequest, request=request.id))
    return request_json(context, context.find_request(request.id.hex()))


async def decline(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The owner does not take it: released at once, and final."""
    request = context.find_request(arguments.text("id"))
    arguments.done()
    await context.do(partial(DeclineRequest, request=request.id))
    return request_json(context, context.find_request(request.id.hex()))
