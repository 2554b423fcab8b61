"""Rights to rights: a coin of a larger one, and a call (escrow section 5, Derivatives). Pure.

Whoever issues a derived brand holds base rights in a vault, an account of the base brand over which
nobody but the issuer's contract has terms. The derived brand's attributes say what it stands for,
so that everybody can compare what is outstanding with what is in the vault.
"""

import json
from dataclasses import dataclass

from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.rights import Right, canonical_json
from proto.limits import MAX_AMOUNT
from proto.money import BRAND_ID_BYTES


@dataclass(frozen=True, slots=True)
class Derived:
    """`ratio` units of it stand for one unit of the base brand (16 bytes)."""

    base: bytes
    ratio: int

    def backing_ceil(self, outstanding: int) -> int:
        """Base units that must be in the vault for so many derived ones in other hands."""
        return -(-outstanding // self.ratio)

    def free_floor(self, vault: int, outstanding: int) -> int:
        """Base units that may leave the vault; negative: so many are missing."""
        return vault - self.backing_ceil(outstanding)

    def attributes(self, **more: str | int) -> str:
        """What the derived brand's description says of it."""
        return canonical_json({"base": self.base.hex(), "ratio": self.ratio} | more)


@dataclass(frozen=True, slots=True)
class Call:
    """The right to buy `derived.base` until `expires_us` (µs UTC): one call buys one base unit for
    `strike` units of `strike_brand`. What bounds an exercise is its descriptor's deadline."""

    derived: Derived
    strike: int
    strike_brand: bytes
    expires_us: int

    def attributes(self, **more: str | int) -> str:
        """What the call brand's description says of it."""
        return self.derived.attributes(
            strike=self.strike,
            strike_brand=self.strike_brand.hex(),
            expires_us=self.expires_us,
            **more,
        )

    def live(self, deadline_us: int) -> bool:
        """Whether an exercise that is decided by then still counts."""
        return deadline_us <= self.expires_us

    def free_floor(self, vault: int, outstanding: int, now_us: int) -> int:
        """Base units that the writer may take back: after the end all, before it what no call in
        other hands stands for. So the base is never freed while calls are out."""
        if now_us > self.expires_us:
            return vault
        return self.derived.free_floor(vault, outstanding)


def derived_of(right: Right) -> Derived | None:
    """What a description says that its brand stands for; None where it stands for itself."""
    said = json.loads(right.attributes)
    base, ratio = _guid(said.get("base")), said.get("ratio")
    if base is None or not isinstance(ratio, int) or not 1 <= ratio <= MAX_AMOUNT:
        return None
    return Derived(base, ratio)


def call_of(right: Right) -> Call | None:
    """The call that a description tells of; None where it is none."""
    derived, said = derived_of(right), json.loads(right.attributes)
    brand, strike, end = _guid(said.get("strike_brand")), said.get("strike"), said.get("expires_us")
    whole = isinstance(strike, int) and isinstance(end, int) and 1 <= strike <= MAX_AMOUNT
    if derived is None or derived.ratio != 1 or brand is None or not whole:
        return None
    return Call(derived, strike, brand, end)


def _guid(text: object) -> bytes | None:
    try:
        guid = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return guid if len(guid) == BRAND_ID_BYTES else None


@dataclass(frozen=True, slots=True)
class Place:
    """One brand's side of an exercise: at which registrar, from which account to which."""

    brand: bytes
    carrier: RightCarrier


def exercise(call: Call, amount: int, calls: Place, strike: Place, base: Place) -> tuple[Leg, ...]:
    """The legs of one exercise, all under one decision: the calls go back to their issuer and are
    burnt by that, the strike goes to the writer, the base leaves the vault. ValueError: not these.
    """
    if (strike.brand, base.brand) != (call.strike_brand, call.derived.base):
        raise ValueError("a call is exercised for its own strike and its own base")
    return (
        Leg(1, calls.brand, amount, "holder", "issuer", calls.carrier),
        Leg(2, strike.brand, amount * call.strike, "holder", "writer", strike.carrier),
        Leg(3, base.brand, amount, "issuer", "holder", base.carrier),
    )
