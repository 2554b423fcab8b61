"""Many people in the books of one node at once: rows without their ceremonies.

Each has an account, a purse, and a request that waits, signed by a payee that nobody meets: these
are brought to the daemon as any. What else waits for them is written to the disk while it is down,
under ids of its own: it is the weight of what is there that is measured.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from sqlalchemy import create_engine, insert, select

from node.control.context import Context
from node.control.failure import Arguments
from node.control.service import Verb
from node.core.escrow.events import KeepRow
from node.core.events import Event
from node.core.people.events import BringRequest, SetPurseLimit
from node.core.people.rows import (
    Confirmation,
    ConfirmationPhase,
    Person,
    PersonPhase,
    person_id,
)
from node.people.marks import ID_BYTES
from node.store import ROWS
from proto.key_certificate import certify_key
from proto.keys import KEY_BYTES, KeyCertificate, KeyPurpose, SealKey, SigningKey
from proto.limits import US
from proto.money import Brand
from proto.request import PaymentRequest, request_hash, sign_request
from proto.wire import canonical

Make = Callable[[int], Event]

FILL: Final = "bench.people"
MAX_PEOPLE: Final = 100_000
AT_ONCE: Final = 512  # rows on their way to the disk at a time
GRANTED: Final = 1_000_000  # what each may owe
LASTS_US: Final = 30 * 86_400 * US
STRANGER: Final = SigningKey(bytes([7]) * KEY_BYTES)


async def fill(context: Context, arguments: Arguments) -> dict[str, Any]:
    """`people` with a request that waits, in `brand`: how many of these are on the disk."""
    people = arguments.number("people", most=MAX_PEOPLE)
    brand = context.find_brand(arguments.text("brand"))
    arguments.done()
    # One after the other: nobody is asked before there is an account.
    parts = (_people(context, people), _purses(people, brand), _requests(context, people, brand))
    for makes in parts:
        while some := list(islice(makes, AT_ONCE)):
            await context.do_all(some)
    return {"requests": people}


def _name(number: int) -> str:
    return f"filler{number}"


def _people(context: Context, people: int) -> Iterator[Make]:
    now_us = context.clock.now_us()
    for number in range(people):
        name = _name(number)
        person = Person(person_id(name), name, f"Filler {number}", PersonPhase.ACTIVE, now_us)
        yield partial(KeepRow, row=person)


def _purses(people: int, brand: Brand) -> Iterator[Make]:
    for number in range(people):
        person = person_id(_name(number))
        yield partial(SetPurseLimit, person=person, brand=brand, limit=GRANTED)


def _requests(context: Context, people: int, brand: Brand) -> Iterator[Make]:
    now_us = context.clock.now_us()
    blank = _request(brand, now_us)
    for number in range(people):
        person = person_id(_name(number))
        asked = replace(blank, request_id=number.to_bytes(16, "big"))
        yield partial(BringRequest, row=_waiting(context, asked, person, now_us))


def _request(brand: Brand, now_us: int) -> PaymentRequest:
    seal = SealKey(bytes([8]) * KEY_BYTES)
    made = KeyCertificate(STRANGER.public, KeyPurpose.SEAL, seal.public, 0, now_us + 2 * LASTS_US)
    return PaymentRequest(
        request_id=b"",
        payee=STRANGER.node_id,
        payee_alias="A shop that nobody knows",
        brand=brand,
        amount=1000,
        committer_key=STRANGER.public,
        seal_key=seal.public,
        seal_certificate=canonical(certify_key(STRANGER, made)),
        expires_at_us=now_us + LASTS_US,
        latest_deadline_us=now_us + 2 * LASTS_US,
        description="Three bound books and a lamp that is not there",
    )


def _waiting(context: Context, asked: PaymentRequest, person: bytes, now_us: int) -> Confirmation:
    signed = sign_request(STRANGER, asked)
    return Confirmation(
        id=context.confirmations.marks.id_of(asked.payee, asked.request_id),
        request_hash=request_hash(signed),
        asked=signed,
        payee=asked.payee,
        brand=asked.brand,
        phase=ConfirmationPhase.RECEIVED,
        received_at_us=now_us,
        expires_at_us=asked.expires_at_us,
        person=person,
    )


def multiply(url: str, times: int) -> int:
    """Whatever waits in the books of a node that is down waits `times` times: how many in all.

    The copies ask for the same, under ids that nobody was given. SQLAlchemyError.
    """
    table = ROWS[Confirmation.table].table
    engine = create_engine(url)
    count = 0
    try:
        with engine.begin() as connection:
            for row in connection.execute(select(table)).mappings().all():
                copies = [dict(row) | {"id": _copy(row["id"], no)} for no in range(1, times)]
                if copies:
                    connection.execute(insert(table), copies)
                count += times
    finally:
        engine.dispose()
    return count


def _copy(identity: bytes, number: int) -> bytes:
    return sha256(identity + number.to_bytes(4, "big")).digest()[:ID_BYTES]


VERBS: Final[Mapping[str, Verb]] = {FILL: fill}
