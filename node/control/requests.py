"""Verbs of the payee: create a request, look at it, confirm or decline it."""

from dataclasses import astuple, dataclass
from functools import partial
from hashlib import sha256
from heapq import nlargest
from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from node.core.events import AddRequest, ConfirmRequest, DeclineRequest
from node.core.payee import committer_key, decline_preimage, terms_of
from node.core.rows import Promise, PromisePhase, Request, RequestPhase
from proto.levels import Level
from proto.limits import DECISION_TIME_US, MAX_DESCRIPTION_CHARS, MAX_REQUEST_POLICIES, US
from proto.money import Brand
from proto.policy import RegistryPolicy, single
from proto.request import PaymentRequest, sign_request, to_text

DEFAULT_EXPIRES_S: Final = 3600
MAX_EXPIRES_S: Final = 400 * 86_400  # an invoice of last year
DEFAULT_DEADLINE_S: Final = 60  # how long one attempt may hold the payee's side
ATTEMPTS: Final = 8  # decline hashes in a request; later attempts go without
DEFAULT_LISTED: Final = 50
MAX_LISTED: Final = 100  # up to 9 KB each with the longest description, of the answer's 1 MiB
MAX_AT_ONCE: Final = 500  # requests in one answer: some 700 KB of the 1 MiB that a call carries


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a request is to say, checked."""

    amount: int
    brand: Brand
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
        "amount": request.amount,
        "brand": request.brand.name,
        "brand_id": request.brand.guid.hex(),
        "phase": _phase(context, request),
        "manual": request.manual,
        "confirmed": request.confirmed,
        "description": terms.description,
        "last_levels": sorted(level.name for level in terms.last_levels),
        "registries": [context.policy_name(policy) for policy in terms.policies],
        "created_at_us": request.created_at_us,
        "expires_at_us": request.expires_at_us,
        "commit_id": request.commit.hex(),
        "held": sum(p.amount for p in promises if p.pending),
        "received": sum(p.amount for p in promises if p.phase is PromisePhase.REDEEMED),
    }


def _promises(context: Context, request: Request) -> list[Promise]:
    """Its own: in an exchange this node may also pay, and pass on, under the same commit_id."""
    return [p for p in context.settled.promises(request.commit) if p.owner == request.id]


def _phase(context: Context, request: Request) -> str:
    if request.phase in (RequestPhase.PAID, RequestPhase.DECLINED):
        return request.phase.name
    promises = _promises(context, request)
    live = any(p.pending or p.phase is PromisePhase.REDEEMED for p in promises)
    if live:
        return "SIGNED" if request.phase is RequestPhase.SIGNED else "HELD"
    return "EXPIRED" if context.clock.now_us() > request.expires_at_us else "OPEN"


async def create(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A signed request. `registries` names registries and policies; without it, every policy that
    the owner has named and every registry, as far as the node accepts them.

    `count`: that many requests of the same terms in one call; the answer lists ids and texts.
    """
    count = arguments.maybe_number("count", 1, MAX_AT_ONCE)
    wish = _wish(context, arguments)
    rows = [_signed(context, wish) for _ in range(count or 1)]
    await context.do_all([partial(AddRequest, request=row) for row in rows])
    if count is None:
        return request_json(context, rows[0])
    return {"requests": [{"id": row.id.hex(), "text": to_text(row.signed)} for row in rows]}


def _wish(context: Context, arguments: Arguments) -> _Wish:
    wish = _Wish(
        amount=arguments.number("amount", least=1),
        brand=context.find_brand(arguments.text("brand")),
        description=arguments.text("description", ""),
        expires_s=arguments.number("expires_s", DEFAULT_EXPIRES_S, 1, MAX_EXPIRES_S),
        deadline_s=arguments.number("deadline_s", DEFAULT_DEADLINE_S, 1, MAX_EXPIRES_S),
        levels=_levels(arguments.texts("last_levels")),
        policies=_policies(context, arguments.texts("registries")),
        manual=arguments.flag("manual", False),
    )
    arguments.done()
    if wish.amount % wish.brand.unit:
        raise bad_argument("amount", f"must be a multiple of {wish.brand.unit} {wish.brand.name}")
    text = wish.description
    if len(text) > MAX_DESCRIPTION_CHARS or not text.isprintable():
        raise bad_argument("description", f"at most {MAX_DESCRIPTION_CHARS} printable characters")
    if wish.deadline_s * US < DECISION_TIME_US:
        raise bad_argument("deadline_s", f"at least {DECISION_TIME_US // US}")
    stamped = [level for level in wish.levels if level.needs_stamp]
    if wish.levels and len(stamped) == len(wish.levels) and not wish.policies:
        raise bad_argument("last_levels", f"{stamped[0].name} needs a registry that you accept")
    return wish


def _signed(context: Context, wish: _Wish) -> Request:
    now_us = context.clock.now_us()
    seed = context.entropy(32)
    request_id = context.entropy(16)
    identity = context.identity
    request = PaymentRequest(
        request_id=request_id,
        payee=identity.key.node_id,
        payee_alias=context.alias,
        brand=wish.brand,
        amount=wish.amount,
        committer_key=committer_key(seed).public,
        seal_key=identity.seal.public,
        seal_certificate=identity.seal_certificate,
        expires_at_us=now_us + wish.expires_s * US,
        latest_deadline_us=now_us + (wish.expires_s + wish.deadline_s) * US,
        decline_hashes=tuple(_hash(decline_preimage(seed, i)) for i in range(ATTEMPTS)),
        policies=tuple(wish.policies),
        last_levels=wish.levels,
        description=wish.description,
    )
    return Request(
        id=request_id,
        signed=sign_request(identity.key, request),
        seed=seed,
        amount=wish.amount,
        brand=wish.brand,
        phase=RequestPhase.OPEN,
        created_at_us=now_us,
        expires_at_us=request.expires_at_us,
        manual=wish.manual,
    )


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
    return {"requests": [request_json(context, r) for r in newest]}


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    request = context.find_request(arguments.text("id"))
    arguments.done()
    return request_json(context, request)


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
