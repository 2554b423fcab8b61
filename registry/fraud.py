"""`python -m registry.fraud FILE`: is an accusation true? Found out without a network.

Exit status: 0 the accusation holds; 1 it shows nothing; 2 FILE cannot be read.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

from proto.fraud.file import MAX_FRAUD_BYTES, FraudProof, read_fraud_proof
from proto.fraud.verdict import FraudInvalid, Verdict
from proto.fraud.verify import verify_fraud
from proto.wire import WireFault

SHOWS_NOTHING: Final = 1
UNREADABLE: Final = 2
EXAMPLE: Final = "example: python -m registry.fraud E1-00.fraud --json"
WHAT_TO_DO: Final = (
    "Take this registry off your list: no new promise should rest on it.",
    "Promises that are open under it are still settled by its certificates: watch them.",
    "Keep this file, and hand it to your neighbours: each can verify it for himself.",
)
RESTS_ON: Final = (
    "It rests on the clocks of those named, and on their being whom this registry reports to:"
    " compare them with its record of that time."
)
FILE_RECORD: Final = (
    "Its keys are those of the record in the file: compare the registry's id with your own list."
)


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """What a program wants to know of a true accusation."""
    return {
        "guilty": True,
        "registry": verdict.registry.hex(),
        "name": verdict.name,
        "kind": verdict.kind.label,
        "kind_name": verdict.kind.name,
        "ground": verdict.ground.name,
        "commit_id": verdict.commit_id.hex(),
        "contradiction": [verdict.one, verdict.other],
        "figures": verdict.figures,
        "rests_on": list(verdict.rests_on),
        "what_to_do": list(WHAT_TO_DO),
    }


def invalid_json(fault: FraudInvalid) -> dict[str, object]:
    """The same of a file that shows nothing."""
    return {"guilty": False, "code": fault.fault.name, "cause": fault.fault.value}


def verdict_facts(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and value of each line that people are shown below the headline."""
    facts = [
        ("accused", f"{verdict.registry.hex()} {verdict.name}"),
        ("of", f"{verdict.kind.label}, {verdict.ground.value}"),
        ("first", verdict.one),
        ("second", verdict.other),
        ("figures", verdict.figures),
    ]
    facts += [("vouched by", name) for name in verdict.rests_on]
    return facts


def advice(verdict: Verdict) -> tuple[str, ...]:
    """What to do, and what the verdict still rests on."""
    return (*WHAT_TO_DO, FILE_RECORD, *((RESTS_ON,) if verdict.rests_on else ()))


HEADLINE: Final = "THIS REGISTRY CHEATED"


def main() -> None:
    """The command; `pledgeway verify FILE` does the same."""
    parser = argparse.ArgumentParser(prog="python -m registry.fraud", epilog=EXAMPLE)
    parser.add_argument("file", type=Path, help="a fraud file")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    try:
        proof = _read(options.file)
    except OSError as error:
        _unreadable(options.file, error.strerror or "cannot be read")
    except WireFault as fault:
        _unreadable(options.file, str(fault))
    try:
        verdict = verify_fraud(proof, now_us=time.time_ns() // 1000)
    except FraudInvalid as fault:
        line = f"SHOWS NOTHING ({fault.fault.name}): {fault}"
        print(json.dumps(invalid_json(fault)) if options.json else line)
        sys.exit(SHOWS_NOTHING)
    if options.json:
        print(json.dumps(verdict_json(verdict)))
        return
    print(HEADLINE)
    for name, value in verdict_facts(verdict):
        print(f"{name:<10}  {value}")
    for line in advice(verdict):
        print(f"  - {line}")


def _read(path: Path) -> FraudProof:
    with path.open("rb") as file:
        return read_fraud_proof(file.read(MAX_FRAUD_BYTES + 1))


def _unreadable(path: Path, cause: str) -> NoReturn:
    sys.stderr.write(f"registry.fraud: {path}: {cause}\n")
    sys.exit(UNREADABLE)


if __name__ == "__main__":
    main()
