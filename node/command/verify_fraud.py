"""`pledgeway verify FILE` where FILE accuses a registry: who is guilty of what, and what to do."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import click
from google.protobuf.json_format import Parse, ParseError

from node.command.display import facts, say
from node.command.exit_status import plain
from proto.fraud.accused import MonitorsOf, WitnessesOf
from proto.fraud.file import FraudProof, from_message, read_fraud_proof
from proto.fraud.verdict import FraudInvalid
from proto.fraud.verify import verify_fraud
from proto.registry_record import RegistryRecord
from proto.v1 import types_pb2 as pb
from registry.fraud import HEADLINE, advice, invalid_json, verdict_facts, verdict_json

SHOWS_NOTHING: Final = 1
MAX_JSON_DEPTH: Final = 20  # a fraud file nests five deep
KIND_TAG: Final = b"\x08"  # field 1 as a number: a certificate file begins with a message


def read_accusation(data: bytes) -> FraudProof | None:
    """The fraud file, protobuf or JSON, that these bytes are; None where they are none.

    WireFault where it is one that exceeds a limit.
    """
    if data.startswith(KIND_TAG):
        return read_fraud_proof(data)
    if data.lstrip()[:1] != b"{":
        return None
    try:
        message = Parse(data, pb.FraudProof(), max_recursion_depth=MAX_JSON_DEPTH)
    except (ParseError, ValueError, RecursionError):
        return None
    return from_message(message) if message.kind else None


@dataclass(frozen=True, slots=True)
class Judge:
    """By whom and by what an accusation is judged. `known`: registry records of one's own."""

    now_us: int
    witnesses_of: WitnessesOf
    monitors_of: MonitorsOf
    known: Mapping[bytes, RegistryRecord]


def newest(records: Iterable[RegistryRecord]) -> dict[bytes, RegistryRecord]:
    """By registry id; of two of one registry the one that replaces the other."""
    known: dict[bytes, RegistryRecord] = {}
    for record in records:
        if record.replaces(known.setdefault(record.registry, record)):
            known[record.registry] = record
    return known


def show_accusation(proof: FraudProof, judge: Judge, json_wanted: bool) -> None:
    """Prints the verdict; ends the command with status 1 where the file shows nothing."""
    try:
        verdict = verify_fraud(
            proof,
            now_us=judge.now_us,
            witnesses_of=judge.witnesses_of,
            monitors_of=judge.monitors_of,
            known=judge.known,
        )
    except FraudInvalid as fault:
        line = f"SHOWS NOTHING ({fault.fault.name}): {fault}"
        click.echo(json.dumps(invalid_json(fault)) if json_wanted else line)
        sys.exit(SHOWS_NOTHING)
    if json_wanted:
        click.echo(json.dumps(verdict_json(verdict)))
        return
    say(HEADLINE)
    facts(verdict_facts(verdict))
    say("What to do, and what to keep in mind:")
    for line in advice(verdict):
        say(f"  - {plain(line)}")
