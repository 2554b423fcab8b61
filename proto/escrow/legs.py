"""What moves from whom to whom, and a registrar's promise of it (escrow section 2.1)."""

from dataclasses import dataclass
from typing import Final

from proto.envelope import Envelope
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import ACCOUNT_ID_BYTES, MAX_AMOUNT, MAX_LEGS, MAX_SEAT_CHARS
from proto.money import BRAND_ID_BYTES
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse

LEG_PROMISE_KIND: Final = "pledgeway/leg-promise/v1"


@dataclass(frozen=True, slots=True)
class RightCarrier:
    """A transfer at a registrar. Account ids have 16 bytes; empty while nobody has joined."""

    registrar: NodeId
    source: bytes = b""
    destination: bytes = b""


@dataclass(frozen=True, slots=True)
class MoneyCarrier:
    """A chain of promises over the credit network."""

    payer: NodeId
    payee: NodeId


Carrier = RightCarrier | MoneyCarrier


@dataclass(frozen=True, slots=True)
class Leg:
    """`amount` smallest units of `brand` (16 bytes) from one seat to another.

    `fee_max`: at most so much of it goes to the registrar; the receiver wants at least the rest.
    """

    no: int
    brand: bytes
    amount: int
    from_seat: str
    to_seat: str
    carrier: Carrier
    fee_max: int = 0

    @property
    def registrar(self) -> NodeId | None:
        """Who keeps the right; None for money."""
        return self.carrier.registrar if isinstance(self.carrier, RightCarrier) else None

    @property
    def least_net(self) -> int:
        """What the receiver wants at least."""
        return self.amount - self.fee_max

    def to_message(self) -> pb.Leg:
        message = pb.Leg(
            no=self.no,
            brand=self.brand,
            amount=self.amount,
            from_seat=self.from_seat,
            to_seat=self.to_seat,
            fee_max=self.fee_max,
        )
        match self.carrier:
            case RightCarrier(registrar, source, destination):
                message.right.registrar = registrar
                message.right.source = source
                message.right.destination = destination
            case MoneyCarrier(payer, payee):
                message.money.payer = payer
                message.money.payee = payee
        return message

    @classmethod
    def from_message(cls, m: pb.Leg) -> "Leg":
        """Raises WireFault."""
        if not 1 <= m.no <= MAX_LEGS or len(m.brand) != BRAND_ID_BYTES:
            raise WireFault("a leg without a number or a brand")
        if not 1 <= m.amount <= MAX_AMOUNT or not 0 <= m.fee_max < m.amount:
            raise WireFault("a leg that moves nothing")
        check_seat_name(m.from_seat)
        check_seat_name(m.to_seat)
        return cls(
            m.no, m.brand, m.amount, m.from_seat, m.to_seat, _carrier_from_message(m), m.fee_max
        )


def check_seat_name(seat: str) -> None:
    """Raises WireFault: names of seats are shown to people, and compared."""
    if not 1 <= len(seat) <= MAX_SEAT_CHARS or not seat.isprintable():
        raise WireFault(f"a seat is named by 1 to {MAX_SEAT_CHARS} printable characters")


def _carrier_from_message(m: pb.Leg) -> Carrier:
    try:
        match m.WhichOneof("carrier"):
            case "right":
                for account in (m.right.source, m.right.destination):
                    if len(account) not in (0, ACCOUNT_ID_BYTES):
                        raise WireFault(f"an account id has {ACCOUNT_ID_BYTES} bytes")
                registrar = node_id(m.right.registrar)
                return RightCarrier(registrar, m.right.source, m.right.destination)
            case "money":
                return MoneyCarrier(node_id(m.money.payer), node_id(m.money.payee))
            case _:
                raise WireFault("a leg that nothing carries")
    except ValueError as error:
        raise WireFault(str(error)) from error


@dataclass(frozen=True, slots=True)
class LegPromise:
    """A registrar's word: on COMMIT I have moved `net` into your hold; on ABORT I owe nothing.

    `net` + `fee` is the leg's amount; `to` is the SHA-256 of the destination hold's capability.
    """

    commit: bytes
    leg: Leg
    net: int
    fee: int
    to: bytes
    registrar: NodeId

    def encode(self) -> bytes:
        return canonical(
            pb.LegPromise(
                commit_id=self.commit,
                leg=self.leg.to_message(),
                net=self.net,
                fee=self.fee,
                to=self.to,
                registrar=self.registrar,
            )
        )


def sign_leg_promise(key: SigningKey, promise: LegPromise) -> bytes:
    """The signed promise (an Envelope)."""
    assert key.node_id == promise.registrar
    return Envelope.seal(key, LEG_PROMISE_KIND, promise.encode()).encode()


def read_leg_promise(signed: bytes) -> LegPromise:
    """Verifies the registrar's signature and the sums. Raises WireFault."""
    envelope = Envelope.decode(signed)
    if envelope.kind != LEG_PROMISE_KIND:
        raise WireFault("not a registrar's promise")
    m = parse(pb.LegPromise, envelope.payload)
    if envelope.signer != m.registrar:
        raise WireFault("a registrar's promise that it did not sign")
    leg = Leg.from_message(m.leg)
    if not isinstance(leg.carrier, RightCarrier) or leg.carrier.registrar != m.registrar:
        raise WireFault("a promise by another registrar than the leg names")
    if m.net + m.fee != leg.amount or len(m.commit_id) != 32 or len(m.to) != 32:
        raise WireFault("a registrar's promise whose sums or ids do not fit")
    return LegPromise(m.commit_id, leg, m.net, m.fee, m.to, NodeId(m.registrar))
