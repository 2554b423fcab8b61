"""What a person is shown before he approves: tables of fees, levels and cautions."""

import pytest

from node.command.sim.cast import signing_key
from node.core.people.rows import Confirmation, ConfirmationPhase, Invitation, KnownPayee
from node.pay_options import PayOptions
from node.people.marks import Marks
from node.people.names import is_name, limits_json, limits_of, purses_of
from node.people.preparing import RISKS, Care, Prepared, cautions, fee_room, options_of
from proto.approval import read_approval
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.money import Brand, common_brand
from proto.request import PaymentRequest
from tests.node.people.house import OTHER_SHOP, SHOP

USD, COARSE = common_brand("USD"), common_brand("USD", 50)


def request(**fields: object) -> PaymentRequest:
    given: dict[str, object] = {
        "request_id": b"r" * 16,
        "payee": SHOP.node_id,
        "payee_alias": "Lamp shop",
        "brand": USD,
        "amount": 700,
        "committer_key": b"c" * 32,
        "seal_key": b"s" * 32,
        "seal_certificate": b"",
        "expires_at_us": 1,
        "latest_deadline_us": 2,
    }
    return PaymentRequest(**(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("brand", "amount", "fee", "most"),
    [
        (USD, 700, 0, 1),
        (USD, 700, 1, 2),
        (USD, 700, 5, 6),
        (USD, 700, 6, 8),
        (USD, 700, 100, 120),
        (COARSE, 700, 0, 50),
        (COARSE, 700, 100, 150),
        (COARSE, 700, 1000, 1200),
        (USD, MAX_AMOUNT, 0, 0),
        (USD, MAX_AMOUNT - 3, 2, 3),
    ],
)
def test_fees_have_a_little_room(brand: Brand, amount: int, fee: int, most: int) -> None:
    assert fee_room(request(brand=brand, amount=amount), amount, fee) == most


def test_where_the_payee_bears_the_fees_nothing_is_added() -> None:
    bears = request(amount=700, amount_min=1, fees_by_payee=True)
    assert fee_room(bears, 690, 8) == 10


def prepared(levels: frozenset[Level], **fields: object) -> Prepared:
    asked = request()
    row = Confirmation(
        b"i" * 16, b"h" * 32, b"", asked.payee, USD, ConfirmationPhase.PRESENTED, 1, 2
    )
    given: dict[str, object] = {"amount": 700, "fee": 5, "fee_max": 7, "levels": levels}
    return Prepared(row, asked, False, 99, None, **(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("levels", "allowed", "worst"),
    [
        ({Level.ATOMIC}, {Level.ATOMIC}, Level.ATOMIC),
        ({Level.SECURED}, {Level.ATOMIC, Level.SECURED}, Level.SECURED),
        ({Level.BARE}, set(Level), Level.BARE),
        ({Level.ATOMIC, Level.BARE}, set(Level), Level.BARE),
    ],
)
def test_an_approval_allows_the_levels_that_were_shown_and_safer_ones(
    levels: set[Level], allowed: set[Level], worst: Level
) -> None:
    shown = prepared(frozenset(levels))
    assert shown.first_levels == allowed
    assert shown.risk == RISKS[worst]
    narrow = prepared(frozenset(levels), allowed=frozenset({worst}))
    assert narrow.first_levels == {worst}


def test_every_risk_is_one_sentence_of_its_own() -> None:
    assert set(RISKS) == set(Level) and len(set(RISKS.values())) == len(Level)
    assert all(text.endswith(".") and text.count(".") == 1 for text in RISKS.values())


def test_what_is_approved_bounds_the_payment() -> None:
    approval = prepared(frozenset({Level.SECURED})).approval(b"p" * 16, "bank.example")
    assert (approval.amount, approval.total_debit_max, approval.rp_id) == (
        *(700, 707),
        "bank.example",
    )
    assert read_approval(approval.encode()) == approval
    options = options_of(approval)
    assert (options.max_cost, options.until_us) == (707, 99)
    assert options.first_levels == {Level.SECURED, Level.ATOMIC}
    assert PayOptions.from_json(options.to_json()) == options


def test_options_of_older_nodes_are_read() -> None:
    import json

    old = json.loads(PayOptions().to_json())
    del old["first_levels"], old["until_us"]
    assert PayOptions.from_json(json.dumps(old)) == PayOptions()


def known(payee: bytes, name: str, domain: str = "") -> KnownPayee:
    return KnownPayee(b"p" * 16, payee, name, domain, 1, 1)


ME, OTHER = bytes(SHOP.node_id), bytes(OTHER_SHOP.node_id)


@pytest.mark.parametrize(
    ("fields", "payees", "holds", "expected"),
    [
        ({}, [], False, {Care.FIRST_PAYMENT}),
        ({}, [known(ME, "Lamp shop")], False, set()),
        ({}, [known(OTHER, "Lamp shop")], False, {Care.FIRST_PAYMENT, Care.NAME_OF_ANOTHER}),
        ({}, [known(OTHER, "LAMP  Shop")], False, {Care.FIRST_PAYMENT, Care.NAME_OF_ANOTHER}),
        ({}, [known(ME, "Desk shop")], False, {Care.NAME_CHANGED}),
        ({"payee_alias": "L\u0430mp shop"}, [], False, {Care.FIRST_PAYMENT, Care.NAME_MIXED}),
        ({"domain": "lamps.example"}, [known(ME, "Lamp shop")], False, {Care.DOMAIN_UNPROVEN}),
        ({"domain": "lamps.example"}, [known(ME, "Lamp shop")], True, set()),
        ({}, [known(ME, "Lamp shop", "lamps.example")], False, {Care.DOMAIN_CHANGED}),
    ],
)
def test_cautions(
    fields: dict[str, object], payees: list[KnownPayee], holds: bool, expected: set[Care]
) -> None:
    found = cautions(request(**fields), payees, domain_holds=holds)
    assert {caution.care for caution in found} == expected
    assert all(caution.text.endswith(".") for caution in found)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        *(("ann", True), ("a", True), ("ann.b-c_1", True), ("x" * 64, True)),
        *(("", False), ("Ann", False), ("ann ", False), (".ann", False), ("ann-", False)),
        *(("x" * 65, False), ("\u0430nn", False), ("a/b", False), ("a\n", False)),
    ],
)
def test_names(text: str, good: bool) -> None:
    assert is_name(text) is good


def test_what_an_invitation_grants_comes_back() -> None:
    limits = {USD: 500, COARSE: 0}
    row = Invitation(b"i", "ann", "Ann", limits_json(limits), 1, 2)
    assert limits_of(row) == limits
    assert {(p.brand, p.limit, p.guid) for p in purses_of(row, b"p" * 16)} == {
        (brand, limit, brand.guid) for brand, limit in limits.items()
    }
    assert limits_of(Invitation(b"i", "ann", "Ann", "{}", 1, 2)) == {}


def test_marks_are_the_nodes_own_and_come_again() -> None:
    one, again = Marks(signing_key("one")), Marks(signing_key("one"))
    other = Marks(signing_key("other"))
    asked = (b"p" * 32, b"r" * 16)
    found = one.id_of(*asked)
    assert found == again.id_of(*asked) != other.id_of(*asked)
    assert one.polled(one.poll_of(found)) == found != other.polled(one.poll_of(found))
    assert one.nonce_of(found) == again.nonce_of(found) != other.nonce_of(found)
    assert len({found, one.poll_of(found), one.nonce_of(found)[:16]}) == 3
