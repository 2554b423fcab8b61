"""The operator's inbox: every kind has words, entries settle themselves, no secrets go out."""

import json
from base64 import b64encode
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.control.inbox import WORDS, bundle, inbox
from node.core.escrow.rows import Deal, DealPhase, Letter, LetterKind, Seat, SeatPhase
from node.core.rows import Incident, IncidentKind, Role, Row, Transaction, replace
from proto.keys import NodeId

NOW_US = 1_795_000_000_000_000
DEAL_ID, COMMIT, BOB = b"\x4f" * 16, b"\xcc" * 32, NodeId(b"\xb0" * 32)
DEAL = Deal(
    DEAL_ID,
    DealPhase.DECIDING,
    b"the proposal",
    NOW_US,
    NOW_US,
    commit=COMMIT,
    openings=(b"an opening",),
    promises=(b"a promise",),
    decline_preimage=b"a preimage that is not shown",
)
SEAT = Seat(
    DEAL_ID,
    0,
    "buyer",
    SeatPhase.SIGNED,
    b"the proposal",
    NOW_US,
    seed=b"a seed that is never shown",
    commit=COMMIT,
)
TRANSACTION = Transaction(COMMIT, b"descriptor", Role.SEAT, NOW_US, NOW_US, statements=(b"said",))
LETTER = Letter(b"\x1e" * 32, LetterKind.BATCH, BOB, "card", b"words", DEAL_ID, NOW_US, NOW_US)
UNDECIDED = Incident(COMMIT, IncidentKind.UNDECIDED, NOW_US - 5_000_000, BOB, detail="silence")
UNSETTLED = Incident(LETTER.id, IncidentKind.UNSETTLED, NOW_US, BOB, evidence=b"words")


def context_of(*rows: Row) -> Context:
    """As much of a daemon as the inbox looks at."""
    memory = SimpleNamespace(
        owned=lambda kind: [row for row in rows if isinstance(row, kind)],
        row=lambda key: next((row for row in rows if row.key == key), None),
    )

    def transaction(commit: bytes) -> Transaction | None:
        return next((r for r in rows if isinstance(r, Transaction) and r.commit == commit), None)

    return cast(
        Context,
        SimpleNamespace(
            engine=SimpleNamespace(memory=memory),
            settled=SimpleNamespace(transaction=transaction),
            clock=SimpleNamespace(now_us=lambda: NOW_US),
            alias_of=lambda node: "Bob",
            lines=[],
            book=SimpleNamespace(registries={}),
        ),
    )


def listed(*rows: Row, everything: bool = False) -> list[dict[str, Any]]:
    found = trio.run(inbox, context_of(*rows), Arguments({"all": everything}))
    return cast(list[dict[str, Any]], found["inbox"])


def test_every_kind_has_words_and_a_step() -> None:
    assert set(WORDS) == set(IncidentKind)
    assert all(what and step for what, step in WORDS.values())


@pytest.mark.parametrize("kind", IncidentKind)
def test_every_kind_can_be_listed(kind: IncidentKind) -> None:
    (one,) = listed(Incident(b"\x01" * 32, kind, NOW_US - 90_000_000, BOB, amount=7))
    assert (one["kind"], one["age_s"], one["alias"]) == (kind.name, 90, "Bob")
    assert (one["exchange"], one["settled"]) == (None, False)


def test_an_undecided_exchange_is_named_until_it_is_decided() -> None:
    (one,) = listed(UNDECIDED, DEAL, TRANSACTION)
    assert (one["exchange"], one["commit_id"]) == (DEAL_ID.hex(), COMMIT.hex())
    decided = replace(TRANSACTION, abort_certificate=b"certificate")
    assert listed(UNDECIDED, DEAL, decided) == []
    (late,) = listed(UNDECIDED, DEAL, decided, everything=True)
    assert late["settled"]


def test_a_letter_that_is_answered_after_all_has_settled() -> None:
    (one,) = listed(UNSETTLED, LETTER, SEAT, TRANSACTION)
    assert (one["exchange"], one["commit_id"]) == (DEAL_ID.hex(), COMMIT.hex())
    assert listed(UNSETTLED, replace(LETTER, answered=True), SEAT) == []


def test_a_refused_certificate_stays_although_it_is_answered() -> None:
    refused = replace(UNSETTLED, detail="answers a certificate with BAD_CERTIFICATE")
    assert len(listed(refused, replace(LETTER, answered=True), SEAT)) == 1


def test_the_newest_comes_first() -> None:
    assert [one["kind"] for one in listed(UNDECIDED, UNSETTLED)] == ["UNSETTLED", "UNDECIDED"]


def test_a_bundle_holds_what_is_signed_and_nothing_secret() -> None:
    context = context_of(UNDECIDED, DEAL, SEAT, TRANSACTION)
    told = trio.run(bundle, context, Arguments({"id": COMMIT.hex()[:8]}))
    held = json.loads(told["bundle"])
    shown = {"proposal": b"the proposal", "descriptor": b"descriptor"}
    assert {key: held[key] for key in shown} == {
        key: b64encode(value).decode() for key, value in shown.items()
    }
    assert held["statements"] == [b64encode(b"said").decode()]
    assert held["promises"] == [b64encode(b"a promise").decode()]
    assert held["entry"]["kind"] == "UNDECIDED"
    for secret in (DEAL.decline_preimage, SEAT.seed):
        assert b64encode(secret).decode()[:20] not in told["bundle"]
        assert secret.hex() not in told["bundle"]


@pytest.mark.parametrize(("named", "code"), [("ff", "NOT_FOUND"), ("", "NOT_FOUND")])
def test_an_entry_that_is_not_there(named: str, code: str) -> None:
    with pytest.raises(ControlFailure) as caught:
        trio.run(bundle, context_of(UNDECIDED), Arguments({"id": named}))
    assert caught.value.code == code and caught.value.next_step


def test_two_entries_of_one_beginning_are_told_apart() -> None:
    other = replace(UNDECIDED, kind=IncidentKind.UNSETTLED)
    with pytest.raises(ControlFailure) as caught:
        trio.run(bundle, context_of(UNDECIDED, other), Arguments({"id": COMMIT.hex()}))
    assert caught.value.code == "AMBIGUOUS"
