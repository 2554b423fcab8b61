"""The owner's terms and registries: kept in the store, turned into the core's Settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.core.view import Caps, Settings
from node.policy_json import policy_json, policy_of_json
from node.store import registry, setting
from proto.fees import Fee, FeeSet, RegistryFee
from proto.fraud.file import read_fraud_proof
from proto.keys import NodeId
from proto.lateness import LateRule, rule_in
from proto.limits import DEFAULT_HOLD_MAX_US
from proto.modes import Mode
from proto.money import Rate
from proto.note import NoteKey
from proto.policy import RegistryPolicy
from proto.registry_list import RegistryList, read_list
from proto.registry_record import RegistryRecord, read_record
from runtime.write_plan import InsertRows, UpdateRows, Write

MAX_REGISTRIES: Final = 1024  # records kept; each is a candidate of every route
_TERMS: Final = "terms"


@dataclass(frozen=True, slots=True)
class Terms:
    """Fees per mode (an absent mode is refused), fees per registry, and what is advertised.

    `line_fees` and `line_registry_fees`: by line id, instead of the node's own where the promise
    that is given goes over that line. `policies`: collectives, by the names the owner gave them.
    `witness_quorums`: how many a late proof needs, by registry, where the owner does not take the
    record's number (proto.lateness). `registry_list`: a shared list that the owner follows, as it
    was signed; empty = none.
    """

    fees: Mapping[Mode, Fee] = field(default_factory=dict)
    registry_fees: Mapping[bytes, RegistryFee] = field(default_factory=dict)
    watches_registry: bool = True
    hold_max_us: int = DEFAULT_HOLD_MAX_US
    line_fees: Mapping[bytes, Mapping[Mode, Fee]] = field(default_factory=dict)
    line_registry_fees: Mapping[bytes, Mapping[bytes, RegistryFee]] = field(default_factory=dict)
    policies: Mapping[str, RegistryPolicy] = field(default_factory=dict)
    witness_quorums: Mapping[bytes, int] = field(default_factory=dict)
    late_rules: Mapping[bytes, LateRule] = field(default_factory=dict)
    registry_list: bytes = b""

    def to_json(self) -> str:
        return json.dumps(
            {
                "fees": _fees_json(self.fees),
                "registry_fees": _registry_fees_json(self.registry_fees),
                "watches_registry": self.watches_registry,
                "hold_max_us": self.hold_max_us,
                "line_fees": {
                    line.hex(): _fees_json(fees) for line, fees in sorted(self.line_fees.items())
                },
                "line_registry_fees": {
                    line.hex(): _registry_fees_json(fees)
                    for line, fees in sorted(self.line_registry_fees.items())
                },
                "policies": {n: policy_json(p) for n, p in sorted(self.policies.items())},
                "witness_quorums": {r.hex(): q for r, q in sorted(self.witness_quorums.items())},
                "late_rules": {
                    r.hex(): [rule.quorum, [key.encode() for key in rule.witnesses]]
                    for r, rule in sorted(self.late_rules.items())
                },
                "registry_list": self.registry_list.hex(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Terms":
        data = json.loads(text)
        return cls(
            _fees(data["fees"]),
            _registry_fees(data["registry_fees"]),
            data["watches_registry"],
            data["hold_max_us"],
            # Absent in what a node wrote before its lines could have fees of their own.
            {bytes.fromhex(n): _fees(f) for n, f in data.get("line_fees", {}).items()},
            {
                bytes.fromhex(n): _registry_fees(f)
                for n, f in data.get("line_registry_fees", {}).items()
            },
            {n: policy_of_json(p) for n, p in data.get("policies", {}).items()},
            {bytes.fromhex(r): q for r, q in data.get("witness_quorums", {}).items()},
            {
                bytes.fromhex(r): LateRule(q, tuple(map(NoteKey.decode, keys)))
                for r, (q, keys) in data.get("late_rules", {}).items()
            },
            bytes.fromhex(data.get("registry_list", "")),
        )


def _fees_json(fees: Mapping[Mode, Fee]) -> dict[str, Any]:
    return {m.name: [str(f.rate), f.flat] for m, f in sorted(fees.items())}


def _fees(data: Mapping[str, Any]) -> dict[Mode, Fee]:
    return {Mode[m]: Fee(Rate.parse(r), flat) for m, (r, flat) in data.items()}


def _registry_fees_json(fees: Mapping[bytes, RegistryFee]) -> dict[str, Any]:
    return {
        r.hex(): [str(f.in_rate), f.in_flat, str(f.out_rate), f.out_flat]
        for r, f in sorted(fees.items())
    }


def _registry_fees(data: Mapping[str, Any]) -> dict[bytes, RegistryFee]:
    return {
        bytes.fromhex(r): RegistryFee(Rate.parse(ir), inf, Rate.parse(outr), outf)
        for r, (ir, inf, outr, outf) in data.items()
    }


# What a new node asks until its owner says otherwise: dearer where it risks more.
FIRST_TERMS: Final = Terms(
    fees={
        Mode.ATOMIC: Fee(),
        Mode.SECURED: Fee(Rate.parse("1.001")),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)


@dataclass(slots=True)
class KnownRegistry:
    """A record and whether the owner accepts it. `version` is of its row; 0 = not in the store."""

    record: RegistryRecord
    accepted: bool
    version: int = 0
    fraud: bytes = b""  # the FraudProof file that exposed it

    @property
    def exposed(self) -> bool:
        """Whether a proof stands against it that the owner has not excused."""
        return bool(self.fraud) and not self.accepted

    @property
    def excusable(self) -> bool:
        """Whether what was proven may have been a failure: then the owner may accept it again."""
        return not self.fraud or read_fraud_proof(self.fraud).kind.may_be_a_failure


class Book:
    """Terms and registries in memory beside their rows. Owned by the daemon's trio task."""

    def __init__(self, node: NodeId, clock_error_us: int, caps: Caps) -> None:
        self._node = node
        self._clock_error_us = clock_error_us
        self._caps = caps
        self.terms = Terms()
        self.registries: dict[bytes, KnownRegistry] = {}
        self._version = 0
        self._expired = False  # the followed list, by the last `review`

    def load(self, settings: list[Mapping[str, Any]], registries: list[Mapping[str, Any]]) -> None:
        for row in settings:
            if row["name"] == _TERMS:
                self.terms, self._version = Terms.from_json(row["value"]), row["version"]
        for row in registries:
            record = read_record(row["record"])
            self.registries[record.registry] = KnownRegistry(
                record, bool(row["accepted"]), row["version"], row["fraud"]
            )

    def settings(self) -> Settings:
        """What the core sees."""
        return Settings(
            node=self._node,
            fees=FeeSet(dict(self.terms.fees)),
            registry_fees=dict(self.terms.registry_fees),
            accepts=self._accepted(),
            records={r: known.record for r, known in self.registries.items()},
            exposed=frozenset(r for r, known in self.registries.items() if known.exposed),
            watches_registry=self.terms.watches_registry,
            hold_max_us=self.terms.hold_max_us,
            line_fees={n: FeeSet(dict(f)) for n, f in self.terms.line_fees.items()},
            line_registry_fees=dict(self.terms.line_registry_fees),
            late_rules=dict(self.terms.late_rules),
            clock_error_us=self._clock_error_us,
            max_pending_count=self._caps.pending_count,
            max_pending_amount=self._caps.pending_amount,
            max_held_value_s=self._caps.held_value_s,
        )

    def policies(self) -> tuple[RegistryPolicy, ...]:
        """The collectives that the owner has named."""
        return tuple(self.terms.policies.values())

    @property
    def followed(self) -> RegistryList | None:
        """The shared list that the owner follows."""
        return read_list(self.terms.registry_list) if self.terms.registry_list else None

    @property
    def list_in_force(self) -> RegistryList | None:
        """The same, while it has not expired."""
        return None if self._expired else self.followed

    def follow(self, followed: RegistryList | None) -> list[Write]:
        """Instead of the list that was followed before, if any; None ends it."""
        self._expired = False
        return self.change(registry_list=b"" if followed is None else followed.signed)

    def review(self, now_us: int) -> bool:
        """Looks whether the followed list is in force still; whether that has changed."""
        followed, before = self.followed, self._expired
        self._expired = followed is not None and followed.expires_at_us <= now_us
        return before != self._expired

    def _accepted(self) -> frozenset[bytes]:
        """What the owner accepts himself, and what stands on the list unless it was exposed."""
        own = {r for r, known in self.registries.items() if known.accepted}
        followed = self.list_in_force
        if followed is None:
            return frozenset(own)
        exposed = {r for r, known in self.registries.items() if known.exposed}
        return frozenset(own | (followed.registries - exposed))

    def change(self, **fields: Any) -> list[Write]:
        """New terms: the writes that make them durable."""
        self.terms = replace(self.terms, **fields)
        row = {"name": _TERMS, "value": self.terms.to_json()}
        if self._version == 0:
            self._version = 1
            return [InsertRows(setting, [row | {"version": 1}])]
        self._version += 1
        return [UpdateRows(setting, [row | {"version": self._version - 1}])]

    def trust(self, record: RegistryRecord, accepted: bool, quorum: int | None) -> list[Write]:
        """Accepts a registry or drops it, and pins whose cosignatures count. `quorum`: the owner's
        number of them from now on; None: as before."""
        writes = self.learn(record, accepted)
        quorums, rules = dict(self.terms.witness_quorums), dict(self.terms.late_rules)
        rules.pop(record.registry, None)
        if not accepted:
            quorums.pop(record.registry, None)
        elif quorum is not None:
            quorums[record.registry] = quorum
        own = quorums.get(record.registry)
        rule = rule_in(self.registries[record.registry].record, own)
        # Where nobody counts yet a later record may only make the rule stricter: it is let in.
        if accepted and (rule.quorum > 0 or own is not None):
            rules[record.registry] = rule
        if (quorums, rules) != (self.terms.witness_quorums, self.terms.late_rules):
            writes += self.change(witness_quorums=quorums, late_rules=rules)
        return writes

    def learn(self, record: RegistryRecord, accepted: bool | None = None) -> list[Write]:
        """A record from the owner or from gossip; the newest wins, acceptance is the owner's.

        Empty where nothing changed, or where there is no room for another stranger.
        """
        known = self.registries.get(record.registry)
        if known is None:
            if accepted is None and len(self.registries) >= MAX_REGISTRIES:
                return []
            self.registries[record.registry] = KnownRegistry(record, bool(accepted), 1)
            return [
                InsertRows(
                    registry,
                    [
                        {
                            "id": record.registry,
                            "record": record.signed,
                            "accepted": int(bool(accepted)),
                            "fraud": b"",
                            "version": 1,
                        }
                    ],
                )
            ]
        newer = record.replaces(known.record)
        if not newer and (accepted is None or accepted == known.accepted):
            return []
        if newer:
            known.record = record
        if accepted is not None:
            known.accepted = accepted
        known.version += 1
        changed = {
            "id": record.registry,
            "record": known.record.signed,
            "accepted": int(known.accepted),
            "version": known.version - 1,
        }
        return [UpdateRows(registry, [changed])]

    def expose(self, accused: bytes, fraud: bytes) -> list[Write]:
        """A known registry was proven to cheat: the first proof is kept, acceptance ends.

        Empty where nothing new follows from it: it was exposed before, as badly or worse.
        """
        known = self.registries[accused]
        worse = not read_fraud_proof(fraud).kind.may_be_a_failure
        if known.fraud and not (worse and known.excusable):
            return []
        known.fraud, known.accepted = fraud, False
        known.version += 1
        changed = {"id": accused, "accepted": 0, "fraud": fraud, "version": known.version - 1}
        return [UpdateRows(registry, [changed])]
