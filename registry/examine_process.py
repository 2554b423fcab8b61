"""python -m registry.examine_process: checks commits for a registry, beside its interpreter.

A signature takes the processor longer than everything else about a decision, and threads of one
interpreter gain nothing by sharing it. This process decides nothing and writes nothing: it reads
commits from standard input and says on standard output what their evidence is worth. It ends when
its input ends, however its registry ended.
"""

import logging
import signal
import sys
from collections.abc import Collection, Sequence
from functools import partial
from typing import BinaryIO

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError

from proto.certificate import Records
from proto.registry_record import read_record
from registry.examine import Examiner, read_subject
from registry.examine_frames import (
    COMMITS,
    LENGTH_BYTES,
    READY,
    Employer,
    Findings,
    Shown,
    Verdict,
    decode_commits,
    encode_findings,
    framed,
)
from registry.log import Subject
from registry.store import Key, LedgerReader
from runtime.collector import calm_collector

log = logging.getLogger(__name__)


def examine_commits(examiner: Examiner, engine: Engine, shown: Sequence[Shown]) -> list[Findings]:
    """What is decided already is looked up first: it costs no signature."""
    subjects = [read_subject(descriptor) for descriptor, _ in shown]
    known = _decided(engine, [s.key for s in subjects if isinstance(s, Subject)])
    findings = []
    for subject, (_, evidence) in zip(subjects, shown, strict=True):
        if not isinstance(subject, Subject):
            findings.append(Findings(Verdict.INVALID))
            continue
        found = examiner.commit(subject, evidence, subject.key in known)
        verdict = Verdict.SATISFIED if found.satisfied else Verdict.UNSATISFIED
        findings.append(Findings(verdict, found.relayed))
    return findings


def _decided(engine: Engine, keys: Sequence[Key]) -> Collection[Key]:
    try:
        with engine.connect() as connection:
            return LedgerReader(connection).find(keys)
    except DBAPIError as error:
        # Whoever decides looks again. Here it only saves signatures, for as long as it can.
        log.warning("rows cannot be looked up, so every signature is checked: %s", error.orig)
        return ()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Until `requests` ends."""
    first = _read(requests)
    if first is None:
        return
    employer, records = _employer(first)
    engine = create_engine(employer.database)
    calm_collector()
    _write(answers, READY)
    while (request := _read(requests)) is not None:
        if not request.startswith(COMMITS):
            employer, records = _employer(request)  # a member's record has changed
            continue
        shown, now_us = decode_commits(request)
        examiner = Examiner(employer.registry, records, partial(_same, now_us))
        _write(answers, encode_findings(examine_commits(examiner, engine, shown)))
    engine.dispose()


def _employer(frame: bytes) -> tuple[Employer, Records]:
    employer = Employer.decode(frame)
    records = [read_record(data) for data in employer.records]
    return employer, {record.registry: record for record in records}


def _same(now_us: int) -> int:
    return now_us


def _read(requests: BinaryIO) -> bytes | None:
    length = requests.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    wanted = int.from_bytes(length, "big")
    body = requests.read(wanted)
    return body if len(body) == wanted else None


def _write(answers: BinaryIO, body: bytes) -> None:
    answers.write(framed(body))
    answers.flush()


def main() -> None:
    # A terminal's Ctrl-C and a service manager's SIGTERM reach the whole family. The registry ends
    # in order, and needs us until then; the end of our input is what ends us.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
