"""Prices (protocol section 6): the worked numbers, one rounding, its direction, its inverse."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.fees import (
    Exchange,
    Fee,
    FeeSet,
    RegistryFee,
    check_exchange_rate,
    check_fee_rate,
    check_flat,
    price,
    price_of_pair,
)
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_EXCHANGE_RATE, MAX_FEE_RATE
from proto.modes import Mode, mode_of
from proto.money import ONE, SCALE, Rate
from proto.viability import NodeFacts
from tests.proto.cheapest import FEES, cheapest

BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY

WORKED = [  # who accepts R, levels from the payer on, risks, amounts from the payee on
    ("PABQ", (ATOMIC, ATOMIC, ATOMIC), (0, 0), (100000, 100050, 100101)),
    ("PAQ", (ATOMIC, ATOMIC, PROXY), (0, 0), (100000, 100000, 100050)),
    ("PAB", (SECURED, SECURED, BARE), (1, 1), (100000, 100100, 100251)),
    ("PBQ", (ATOMIC, PROXY, ATOMIC), (0, 3), (100000, 100656, 100656)),
    ("ABQ", (BARE, ATOMIC, ATOMIC), (3, 0), (100000, 100050, 100706)),
    ("", (BARE, BARE, BARE), (3, 3), (100000, 100605, 101214)),
]


@pytest.mark.parametrize(("accepting", "levels", "risks", "amounts"), WORKED)
def test_worked_numbers(
    accepting: str, levels: tuple[Level, ...], risks: tuple[int, ...], amounts: tuple[int, ...]
) -> None:
    """Each row is what the rules and the prices give, and nothing viable is cheaper."""
    facts = {
        name: NodeFacts(
            accepts=frozenset({"R"} if name in accepting else ()),
            watches_registry=True,
            fees=FEES,
        )
        for name in "PABQ"
    }
    answer = cheapest("PABQ", accepting, 100_000, facts)
    assert answer.levels == levels
    assert tuple(m.risk for m in answer.modes) == risks
    assert answer.amounts == tuple(reversed(amounts))


RATES = st.integers(SCALE, MAX_FEE_RATE * SCALE).map(Rate)
EXCHANGE_RATES = st.integers(1, MAX_EXCHANGE_RATE * SCALE).map(Rate)
FLATS = st.integers(0, MAX_AMOUNT)
AMOUNTS = st.integers(0, MAX_AMOUNT)
MODE_FEES = st.builds(Fee, RATES, FLATS)
REGISTRY_FEES = st.lists(st.builds(RegistryFee, RATES, FLATS, RATES, FLATS), max_size=4)
EXCHANGES = st.none() | st.builds(
    Exchange, st.just(b"a" * 16), st.just(b"b" * 16), EXCHANGE_RATES, FLATS
)
LEVELS = st.sampled_from(list(Level))


def exact_price(
    out: int,
    fee: Fee,
    registries: list[RegistryFee],
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None,
) -> int:
    """The formula as printed, in fractions."""
    rate, flat = Fraction(fee.rate.nano, SCALE), fee.flat
    if incoming is not BARE:
        for r in registries:
            rate *= Fraction(r.in_rate.nano, SCALE)
        flat += sum(r.in_flat for r in registries)
    if outgoing is not BARE:
        for r in registries:
            rate *= Fraction(r.out_rate.nano, SCALE)
        flat += sum(r.out_flat for r in registries)
    if exchange:
        rate *= Fraction(exchange.rate.nano, SCALE)
        flat += exchange.flat
    return ceil(out * rate) + flat


@given(AMOUNTS, MODE_FEES, REGISTRY_FEES, LEVELS, LEVELS, EXCHANGES)
def test_price_is_the_printed_formula_with_one_rounding(
    out: int,
    fee: Fee,
    registries: list[RegistryFee],
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None,
) -> None:
    got = price(fee, registries, incoming=incoming, outgoing=outgoing, exchange=exchange)
    wanted = exact_price(out, fee, registries, incoming, outgoing, exchange)
    assert got.amount_in_ceil(out) == wanted


@given(AMOUNTS, AMOUNTS, MODE_FEES, REGISTRY_FEES, LEVELS, LEVELS, EXCHANGES)
def test_inverse(
    out: int,
    paid: int,
    fee: Fee,
    registries: list[RegistryFee],
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None,
) -> None:
    p = price(fee, registries, incoming=incoming, outgoing=outgoing, exchange=exchange)
    most = p.amount_out_floor(paid)
    assert (p.amount_in_ceil(out) <= paid) == (out <= most)
    if most >= 0:
        assert p.amount_in_ceil(most) <= paid < p.amount_in_ceil(most + 1)
    assert p.amount_out_floor(p.amount_in_ceil(out)) >= out


@given(AMOUNTS, AMOUNTS, MODE_FEES, REGISTRY_FEES, LEVELS, LEVELS, EXCHANGES)
def test_more_out_never_costs_less(
    a: int,
    b: int,
    fee: Fee,
    registries: list[RegistryFee],
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None,
) -> None:
    p = price(fee, registries, incoming=incoming, outgoing=outgoing, exchange=exchange)
    low, high = sorted((a, b))
    assert p.amount_in_ceil(low) <= p.amount_in_ceil(high)
    assert p.amount_out_floor(low) <= p.amount_out_floor(high)


@given(AMOUNTS, MODE_FEES, REGISTRY_FEES, LEVELS, LEVELS)
def test_without_an_exchange_a_node_never_takes_less_than_it_gives(
    out: int, fee: Fee, registries: list[RegistryFee], incoming: Level, outgoing: Level
) -> None:
    p = price(fee, registries, incoming=incoming, outgoing=outgoing)
    assert p.amount_in_ceil(out) >= out


REGISTRY = RegistryFee(Rate.parse("1.5"), 10, Rate.parse("2"), 100)
PARTS = [  # incoming, outgoing, price of 1000 under one registry, and under it twice
    (BARE, BARE, 1000, 1000),
    (SECURED, BARE, 1510, 2270),
    (ATOMIC, BARE, 1510, 2270),
    (BARE, ATOMIC, 2100, 4200),
    (BARE, PROXY, 2100, 4200),
    (BARE, SECURED, 2100, 4200),
    (ATOMIC, PROXY, 3110, 9220),
    (PROXY, ATOMIC, 3110, 9220),
    (SECURED, SECURED, 3110, 9220),
]


@pytest.mark.parametrize(("incoming", "outgoing", "once", "twice"), PARTS)
def test_in_and_out_parts(incoming: Level, outgoing: Level, once: int, twice: int) -> None:
    """Rates multiply and flats add over the members; each part counts unless its side is BARE."""
    for members, expected in ((1, once), (2, twice)):
        p = price(Fee(), [REGISTRY] * members, incoming=incoming, outgoing=outgoing)
        assert p.amount_in_ceil(1000) == expected


def test_rounding_happens_once_and_upwards() -> None:
    tiny = Rate(SCALE + 1)
    p = price(Fee(tiny), [RegistryFee(tiny, 0, tiny, 0)], incoming=ATOMIC, outgoing=ATOMIC)
    # Three roundings would make it 4.
    assert p.amount_in_ceil(1) == 2
    assert p.amount_in_ceil(0) == 0


def test_an_exchange_below_one_shrinks() -> None:
    exchange = Exchange(b"a" * 16, b"b" * 16, Rate.parse("0.25"), 3)
    p = price(Fee(Rate.parse("1.01"), 1), [], incoming=BARE, outgoing=BARE, exchange=exchange)
    assert p.amount_in_ceil(1000) == 253 + 1 + 3
    assert p.amount_in_ceil(1) == 1 + 1 + 3
    assert p.amount_out_floor(257) == 1001  # 1001 x 0.2525 = 252.75..., still 253 rounded up
    assert p.amount_in_ceil(1001) == 257
    assert p.amount_in_ceil(1002) == 258


def test_less_than_the_flat_fee_pays_for_nothing() -> None:
    p = price(Fee(ONE, 10), [], incoming=BARE, outgoing=BARE)
    assert p.amount_out_floor(9) < 0
    assert p.amount_out_floor(10) == 0


@pytest.mark.parametrize("absent", list(Mode))
def test_a_mode_without_a_price_is_refused(absent: Mode) -> None:
    fees = FeeSet({m: Fee() for m in Mode if m is not absent})
    for incoming in Level:
        for outgoing in Level:
            mode = mode_of(incoming, outgoing)
            answer = price_of_pair(fees, [], incoming=incoming, outgoing=outgoing)
            assert (answer is None) == (mode is None or mode is absent)


@pytest.mark.parametrize("text", ["1", "1.000000001", "999.999999999", "1000"])
def test_fee_rates_within_bounds(text: str) -> None:
    assert str(check_fee_rate(Rate.parse(text))) == text


@pytest.mark.parametrize("text", ["0", "0.999999999", "1000.000000001", "1001"])
def test_fee_rates_out_of_bounds(text: str) -> None:
    rate = Rate.parse(text)
    with pytest.raises(ValueError, match="fee rate"):
        check_fee_rate(rate)
    for make in (
        lambda: Fee(rate),
        lambda: RegistryFee(in_rate=rate),
        lambda: RegistryFee(out_rate=rate),
    ):
        with pytest.raises(ValueError, match="fee rate"):
            make()


def test_exchange_rates_lie_above_zero() -> None:
    assert check_exchange_rate(Rate(1)).nano == 1
    assert check_exchange_rate(Rate(MAX_EXCHANGE_RATE * SCALE))
    for nano in (0, -1, MAX_EXCHANGE_RATE * SCALE + 1):
        with pytest.raises(ValueError, match="exchange rate"):
            check_exchange_rate(Rate(nano))
        with pytest.raises(ValueError, match="exchange rate"):
            Exchange(b"a" * 16, b"b" * 16, Rate(nano))


@pytest.mark.parametrize("flat", [-1, MAX_AMOUNT + 1])
def test_flat_fees_out_of_bounds(flat: int) -> None:
    for make in (
        lambda: check_flat(flat),
        lambda: Fee(ONE, flat),
        lambda: RegistryFee(in_flat=flat),
        lambda: RegistryFee(out_flat=flat),
        lambda: Exchange(b"a" * 16, b"b" * 16, ONE, flat),
    ):
        with pytest.raises(ValueError, match="flat fee"):
            make()


def test_defaults_are_free_of_charge() -> None:
    p = price(Fee(), [RegistryFee()], incoming=ATOMIC, outgoing=ATOMIC)
    assert [p.amount_in_ceil(x) for x in (0, 1, MAX_AMOUNT)] == [0, 1, MAX_AMOUNT]
