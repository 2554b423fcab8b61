"""What an intermediary charges (protocol section 6): one formula for node and path finder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_EXCHANGE_RATE, MAX_FEE_RATE
from proto.modes import Mode, mode_of
from proto.money import ONE, SCALE, Rate, mul_div_ceil, mul_div_floor


def check_fee_rate(rate: Rate) -> Rate:
    """Raises ValueError unless 1 <= rate <= MAX_FEE_RATE: a fee never pays the customer."""
    if not SCALE <= rate.nano <= MAX_FEE_RATE * SCALE:
        raise ValueError(f"a fee rate lies between 1 and {MAX_FEE_RATE}, not {rate}")
    return rate


def check_exchange_rate(rate: Rate) -> Rate:
    """Raises ValueError unless 0 < rate <= MAX_EXCHANGE_RATE."""
    if not 0 < rate.nano <= MAX_EXCHANGE_RATE * SCALE:
        raise ValueError(f"an exchange rate lies above 0 and up to {MAX_EXCHANGE_RATE}, not {rate}")
    return rate


def check_flat(flat: int) -> int:
    """Raises ValueError outside 0..MAX_AMOUNT."""
    if not 0 <= flat <= MAX_AMOUNT:
        raise ValueError(f"a flat fee lies between 0 and {MAX_AMOUNT}, not {flat}")
    return flat


@dataclass(frozen=True, slots=True)
class Fee:
    """A rate and a flat part, for one mode."""

    rate: Rate = ONE
    flat: int = 0

    def __post_init__(self) -> None:
        check_fee_rate(self.rate)
        check_flat(self.flat)


@dataclass(frozen=True, slots=True)
class RegistryFee:
    """What the use of one registry costs on the promise held (in) and on the one given (out)."""

    in_rate: Rate = ONE
    in_flat: int = 0
    out_rate: Rate = ONE
    out_flat: int = 0

    def __post_init__(self) -> None:
        check_fee_rate(self.in_rate)
        check_fee_rate(self.out_rate)
        check_flat(self.in_flat)
        check_flat(self.out_flat)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An advertised exchange: smallest units of `brand_in` asked for one of `brand_out`.

    `limit` bounds the outgoing amount of one promise.
    """

    brand_in: bytes
    brand_out: bytes
    rate: Rate
    flat: int = 0
    limit: int = MAX_AMOUNT

    def __post_init__(self) -> None:
        check_exchange_rate(self.rate)
        check_flat(self.flat)


FREE_REGISTRY: Final = RegistryFee()


@dataclass(frozen=True, slots=True)
class FeeSet:
    """Mode -> fee. A mode that is absent is refused (V9)."""

    fees: Mapping[Mode, Fee] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, mode: Mode) -> Fee | None:
        return self.fees.get(mode)


@dataclass(frozen=True, slots=True)
class Price:
    """What a node asks for as a function of what it gives: ceil(out × num / den) + flat."""

    num: int
    den: int
    flat: int

    def amount_in_ceil(self, amount_out: int) -> int:
        """The least amount the node takes for promising `amount_out`. May exceed MAX_AMOUNT."""
        return mul_div_ceil(amount_out, self.num, self.den) + self.flat

    def amount_out_floor(self, amount_in: int) -> int:
        """The greatest amount that `amount_in` pays for; negative where even the flat fee is short.

        Inverse in the sense that amount_in_ceil(x) <= amount_in iff x <= amount_out_floor(...).
        """
        return mul_div_floor(amount_in - self.flat, self.den, self.num)


def price(
    mode_fee: Fee,
    registry_fees: Iterable[RegistryFee],
    *,
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None = None,
) -> Price:
    """The price of one pair of promises under one policy.

    `registry_fees` holds one entry for each member of the policy (FREE_REGISTRY where the node
    advertises none). The `in` part counts when the incoming level is not BARE, the `out` part when
    the outgoing one is not. Rates multiply, flat fees add, and there is one rounding.
    """
    num, den, flat = mode_fee.rate.nano, SCALE, mode_fee.flat
    for fee in registry_fees:
        if incoming is not Level.BARE:
            num, den, flat = num * fee.in_rate.nano, den * SCALE, flat + fee.in_flat
        if outgoing is not Level.BARE:
            num, den, flat = num * fee.out_rate.nano, den * SCALE, flat + fee.out_flat
    if exchange is not None:
        num, den, flat = num * exchange.rate.nano, den * SCALE, flat + exchange.flat
    return Price(num, den, flat)


def price_of_pair(
    fees: FeeSet,
    registry_fees: Iterable[RegistryFee],
    *,
    incoming: Level,
    outgoing: Level,
    exchange: Exchange | None = None,
) -> Price | None:
    """The price where the pair is in the table and its mode is priced; None = refused."""
    mode = mode_of(incoming, outgoing)
    if mode is None or (fee := fees.of(mode)) is None:
        return None
    return price(fee, registry_fees, incoming=incoming, outgoing=outgoing, exchange=exchange)
