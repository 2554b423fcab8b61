"""Is what a fraud file says true? Found out without a network (registry section 8)."""

from collections.abc import Mapping
from typing import assert_never

from proto.fraud.accused import (
    MonitorsOf,
    WitnessesOf,
    no_monitors,
    read_accused,
    record_witnesses,
)
from proto.fraud.decisions import verify_equivocation, verify_invalid_decision
from proto.fraud.file import FraudProof
from proto.fraud.lateness import verify_back_dating, verify_withholding
from proto.fraud.logs import verify_answer_differs, verify_double_leaf, verify_split_view
from proto.fraud.verdict import FraudKind, Verdict
from proto.registry_record import RegistryRecord


def verify_fraud(
    proof: FraudProof,
    *,
    now_us: int,
    witnesses_of: WitnessesOf = record_witnesses,
    monitors_of: MonitorsOf = no_monitors,
    known: Mapping[bytes, RegistryRecord] | None = None,
) -> Verdict:
    """The verdict on a file. Raises FraudInvalid where it shows nothing, and nothing else.

    `now_us`: when it is judged; a key's signature counts differently once its life is over.
    `witnesses_of`, `monitors_of`: whose clocks count against a registry, the verifier's own choice.
    `known`: the newest records that the verifier holds, by registry id. Without them the record in
    the file has the only word, and its maker may have chosen an old one.
    """
    records = known or {}
    accused = read_accused(proof, records, now_us, witnesses_of, monitors_of)
    match proof.kind:
        case FraudKind.EQUIVOCATION:
            return verify_equivocation(proof, accused)
        case FraudKind.INVALID_DECISION:
            return verify_invalid_decision(proof, accused, records)
        case FraudKind.ANSWER_DIFFERS:
            return verify_answer_differs(proof, accused)
        case FraudKind.SPLIT_VIEW:
            return verify_split_view(proof, accused)
        case FraudKind.DOUBLE_LEAF:
            return verify_double_leaf(proof, accused)
        case FraudKind.BACK_DATING:
            return verify_back_dating(proof, accused)
        case FraudKind.WITHHOLDING:
            return verify_withholding(proof, accused)
        case _:
            assert_never(proof.kind)
