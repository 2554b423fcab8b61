"""Brands, policies and fee sets between frozen values and their messages."""

from types import MappingProxyType

from proto.fees import Exchange, Fee, FeeSet, RegistryFee
from proto.limits import MAX_AMOUNT
from proto.modes import Mode
from proto.money import ONE, Brand, Rate
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault


def brand_to_message(brand: Brand) -> pb.Brand:
    """The brand as every request, offer and advert carries it."""
    return pb.Brand(guid=brand.guid, name=brand.name, unit=brand.unit, issuer=brand.issuer)


def brand_from_message(message: pb.Brand) -> Brand:
    """Raises WireFault."""
    try:
        return Brand(message.guid, message.name, message.unit, message.issuer)
    except ValueError as error:
        raise WireFault(str(error)) from error


def _rate(text: str) -> Rate:
    return Rate.parse(text) if text else ONE


def fee_set_to_message(fees: FeeSet) -> pb.AtomicityFeeSet:
    entries = [
        pb.ModeFee(mode=mode, fee=pb.Fee(rate=str(fee.rate), flat=fee.flat))
        for mode, fee in sorted(fees.fees.items())
    ]
    return pb.AtomicityFeeSet(fees=entries)


def fee_set_from_message(message: pb.AtomicityFeeSet) -> FeeSet:
    """Raises WireFault for unknown or repeated modes and fees out of range."""
    try:
        pairs = [(Mode(e.mode), Fee(_rate(e.fee.rate), e.fee.flat)) for e in message.fees]
    except ValueError as error:
        raise WireFault(str(error)) from error
    if len({mode for mode, _ in pairs}) != len(pairs):
        raise WireFault("a fee set prices a mode twice")
    return FeeSet(MappingProxyType(dict(pairs)))


def registry_fees_to_message(fees: dict[bytes, RegistryFee]) -> pb.RegistryFeeSet:
    entries = [
        pb.RegistryFee(
            registry_key_id=registry,
            in_rate=str(fee.in_rate),
            in_flat=fee.in_flat,
            out_rate=str(fee.out_rate),
            out_flat=fee.out_flat,
        )
        for registry, fee in sorted(fees.items())
    ]
    return pb.RegistryFeeSet(fees=entries)


def registry_fees_from_message(message: pb.RegistryFeeSet) -> dict[bytes, RegistryFee]:
    """Raises WireFault."""
    try:
        pairs = [
            (
                e.registry_key_id,
                RegistryFee(_rate(e.in_rate), e.in_flat, _rate(e.out_rate), e.out_flat),
            )
            for e in message.fees
        ]
    except ValueError as error:
        raise WireFault(str(error)) from error
    if len(dict(pairs)) != len(pairs):
        raise WireFault("a fee set prices a registry twice")
    return dict(pairs)


def exchange_to_message(exchange: Exchange) -> pb.ExchangeRate:
    return pb.ExchangeRate(
        brand_in=exchange.brand_in,
        brand_out=exchange.brand_out,
        rate=str(exchange.rate),
        flat=exchange.flat,
        limit=exchange.limit,
    )


def exchange_from_message(message: pb.ExchangeRate) -> Exchange:
    """Raises WireFault."""
    try:
        return Exchange(
            message.brand_in,
            message.brand_out,
            Rate.parse(message.rate),
            message.flat,
            min(message.limit, MAX_AMOUNT),
        )
    except ValueError as error:
        raise WireFault(str(error)) from error
