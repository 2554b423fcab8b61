"""`pledgeway verify`: true certificates, each fault's code, and thousands of broken files."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import MessageToJson

from node.command.sim.cast import (
    NOW_US,
    R1,
    R2,
    R3,
    SECOND,
    TWO_OF_THREE,
    CastRegistry,
    certified,
    digest,
    record_message,
    root_of,
    signing_key,
    statement_key_certificate,
)
from node.command.verify import shown_time, verify
from node.command.verify_certificate import (
    MAX_FILE_BYTES,
    ProvesNothing,
    Unreadable,
    Verdict,
    judge,
)
from proto.certificate import CertificateFault
from proto.commit import Commit
from proto.descriptor import Descriptor, transaction_uuid
from proto.envelope import sign
from proto.keys import SigningKey
from proto.registry_record import read_record, sign_record, sign_root
from proto.statement import STATEMENT_KIND, SignedStatement, Statement
from proto.v1 import types_pb2 as pb
from tests.proto.build import (
    DESCRIPTOR,
    abort_certificate,
    aborted_leaf,
    commit_certificate,
    committed_leaf,
    make_commit,
)

SHARED = replace(DESCRIPTOR, policy=TWO_OF_THREE)


def commit_file(descriptor: Descriptor, *registries: CastRegistry) -> pb.CertificateFile:
    encoded = commit_certificate(descriptor, *registries).encode()
    certificate = pb.CommitCertificate.FromString(encoded)
    return pb.CertificateFile(commit=certificate, records=records(*registries))


def abort_file(descriptor: Descriptor, *registries: CastRegistry) -> pb.CertificateFile:
    certificate = abort_certificate(descriptor, *registries).to_message()
    return pb.CertificateFile(abort=certificate, records=records(*registries))


def records(*registries: CastRegistry) -> list[pb.SignedRegistryRecord]:
    return [pb.SignedRegistryRecord.FromString(r.record.signed) for r in registries]


FILES = {
    "commit": commit_file(DESCRIPTOR, R1),
    "abort": abort_file(DESCRIPTOR, R1),
    "shared commit": commit_file(SHARED, R1, R2),
    "shared abort": abort_file(SHARED, R1, R2, R3),
}


def run(tmp_path: Path, data: bytes, *options: str) -> Result:
    path = tmp_path / "file"
    path.write_bytes(data)
    return CliRunner().invoke(verify, [str(path), *options])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_true_certificates(tmp_path: Path, name: str, form: str) -> None:
    file = FILES[name]
    data = file.SerializeToString() if form == "protobuf" else MessageToJson(file).encode()
    verdict = judge(data, NOW_US)
    assert verdict == judge(file.SerializeToString(), NOW_US)
    committed = name.endswith("commit")
    assert verdict.outcome == ("COMMITTED" if committed else "NOT_COMMITTED")
    text = run(tmp_path, data)
    assert text.exit_code == 0, text.output
    assert text.output.startswith("COMMITTED at 2026-" if committed else "WILL NEVER COMMIT")
    for part in (str(transaction_uuid(verdict.commit_id)), R1.id.hex(), "It does not prove"):
        assert part in text.output
    answer = json.loads(run(tmp_path, data, "--json").output)
    assert answer["valid"] is True
    assert answer["outcome"] == verdict.outcome
    assert answer["commit_id"] == verdict.commit_id.hex()
    assert [s["registry"] for s in answer["statements"]] == [
        m.registry.hex() for m in verdict.members
    ]


def broken(**changes: object) -> pb.CertificateFile:
    """A commit certificate of R1 whose leaf says something else."""
    commit = make_commit(DESCRIPTOR)
    leaf = committed_leaf(commit, DESCRIPTOR, **changes)
    statement = R1.sign_statement(leaf.encode()).to_message()
    certificate = pb.CommitCertificate(commit=commit.to_message(), committed=[statement])
    return pb.CertificateFile(commit=certificate, records=records(R1))


def without(name: str) -> pb.CertificateFile:
    file = pb.CertificateFile()
    file.CopyFrom(FILES[name])
    return file


def cases() -> dict[str, tuple[pb.CertificateFile, str]]:
    unknown = without("commit")
    del unknown.records[:]
    quorum = without("shared commit")
    del quorum.commit.committed[1:]
    twice = without("shared commit")
    twice.commit.committed[1].CopyFrom(twice.commit.committed[0])
    swapped = without("abort")
    swapped.commit.CopyFrom(
        pb.CommitCertificate(
            commit=make_commit(DESCRIPTOR).to_message(), committed=swapped.abort.not_committed
        )
    )
    unsigned = without("commit")
    unsigned.commit.commit.CopyFrom(Commit(DESCRIPTOR.encode(), b"").to_message())
    forged = without("commit")
    forged.commit.committed[0].signatures[0].signature = bytes(64)
    malformed = without("commit")
    malformed.commit.commit.descriptor += b"\0"
    record = without("commit")
    record.records[0].signatures[0].signature = bytes(64)
    early = aborted_leaf(DESCRIPTOR, decided_at_us=DESCRIPTOR.deadline_us)
    early_file = pb.CertificateFile(
        abort=pb.AbortCertificate(
            descriptor=DESCRIPTOR.encode(),
            not_committed=[R1.sign_statement(early.encode()).to_message()],
        ),
        records=records(R1),
    )
    return {
        "UNKNOWN_REGISTRY": (unknown, "UNKNOWN_REGISTRY"),
        "QUORUM": (quorum, "QUORUM"),
        "TWICE": (twice, "TWICE"),
        "OTHER_OUTCOME": (swapped, "OTHER_OUTCOME"),
        "EVIDENCE": (unsigned, "EVIDENCE"),
        "SIGNATURE": (forged, "SIGNATURE"),
        "DESCRIPTOR": (malformed, "DESCRIPTOR"),
        "RECORD": (record, "RECORD"),
        "EARLY": (early_file, "EARLY"),
        "LATE": (broken(decided_at_us=DESCRIPTOR.deadline_us + 1), "LATE"),
        "OTHER_TRANSACTION": (broken(commit_id=digest("other")), "OTHER_TRANSACTION"),
        "EVIDENCE_HASH": (broken(evidence_hash=digest("other")), "EVIDENCE_HASH"),
        "many records": (
            pb.CertificateFile(commit=FILES["commit"].commit, records=records(*[R1] * 17)),
            "RECORD",
        ),
    }


@pytest.mark.parametrize("name", cases())
def test_what_proves_nothing(tmp_path: Path, name: str) -> None:
    file, code = cases()[name]
    result = run(tmp_path, file.SerializeToString())
    assert result.exit_code == 1
    assert result.output.startswith(f"PROVES NOTHING ({code}): ")
    answer = json.loads(run(tmp_path, file.SerializeToString(), "--json").output)
    assert (answer["valid"], answer["code"]) == (False, code)
    assert code == "RECORD" or code in CertificateFault.__members__


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"{",
        b"\n",
        b"not a certificate",
        b'{"commit": 7}',
        b'{"unknown": 1}',
        b"{" + b'"a":[' * 50_000,
        b'{"records":' + b"[" * 100_000,
        b'{"commit": "\xff"}',
        b"x" * (MAX_FILE_BYTES + 1),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    result = run(tmp_path, data)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"pledgeway verify: {tmp_path / 'file'}: ")
    assert result.stderr.count("\n") == 1


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "nobody", tmp_path):
        result = CliRunner().invoke(verify, [str(path)])
        assert result.exit_code == 2
        assert result.stderr.startswith(f"pledgeway verify: {path}: ")


def said(verdict: Verdict) -> object:
    """The content of a verdict: what anybody may rely on."""
    leaves = [(m.registry, m.leaf, m.log_origin, m.log_index) for m in verdict.members]
    return verdict.outcome, verdict.commit_id, verdict.descriptor, leaves


def mutate(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    match dice.randrange(6):
        case 0:
            del changed[dice.randrange(len(changed)) :]
        case 1:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        case 2:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        case 3:
            at = dice.randrange(len(changed))
            del changed[at : at + dice.randrange(1, 40)]
        case 4:
            at, length = dice.randrange(len(changed)), dice.randrange(1, 40)
            changed[at:at] = changed[dice.randrange(len(changed)) :][:length]
        case _:
            at = dice.randrange(len(changed))
            changed[at:at] = dice.randbytes(dice.randrange(1, 10))
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_mutations_never_crash_and_never_say_something_else(name: str, form: str) -> None:
    file = FILES[name]
    data = file.SerializeToString() if form == "protobuf" else MessageToJson(file).encode()
    truth = said(judge(data, NOW_US))
    dice = random.Random(f"{name} {form}")
    outcomes = {"valid": 0, "nothing": 0, "unreadable": 0}
    for _ in range(700):
        mutant = mutate(data, dice)
        for _ in range(dice.randrange(3)):
            mutant = mutate(mutant, dice) if mutant else mutant
        try:
            assert said(judge(mutant, NOW_US)) == truth
            outcomes["valid"] += 1
        except ProvesNothing:
            outcomes["nothing"] += 1
        except Unreadable:
            outcomes["unreadable"] += 1
    assert outcomes["nothing"] > 100 or form == "json", outcomes
    assert outcomes["unreadable"] > 20, outcomes
    assert outcomes["valid"] < 60, outcomes


def test_random_bytes_are_no_certificate() -> None:
    dice = random.Random(5)
    for _ in range(2000):
        data = dice.randbytes(dice.randrange(200))
        with pytest.raises((Unreadable, ProvesNothing)):
            judge(data, NOW_US)


def test_a_registry_cannot_write_on_the_readers_screen(tmp_path: Path) -> None:
    leaf = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR).encode()
    payload = Statement(R1.id, leaf, "\x1b[2J[bold]nice", 7).encode()
    file = without("commit")
    rude = SignedStatement(payload, (sign(R1.online, STATEMENT_KIND, payload),))
    file.commit.committed[0].CopyFrom(rude.to_message())
    data = file.SerializeToString()
    for options in ((), ("--json",)):
        result = run(tmp_path, data, *options)
        assert result.exit_code == 0
        assert "\x1b" not in result.output
        assert "?[2J[bold]nice" in result.output


@pytest.mark.parametrize(
    ("at_us", "shown"),
    [
        (0, "1970-01-01 00:00:00.000000 UTC"),
        (1_790_000_000_000_001, "2026-09-21 14:13:20.000001 UTC"),
        (2**63 - 1, "9223372036854775807 us"),
        (-(2**63), "-9223372036854775808 us"),
    ],
)
def test_times_that_no_calendar_has(at_us: int, shown: str) -> None:
    assert shown_time(at_us) == shown


def test_a_deadline_beyond_the_calendar_is_shown(tmp_path: Path) -> None:
    far = replace(DESCRIPTOR, deadline_us=2**62)
    result = run(tmp_path, commit_file(far, R1).SerializeToString())
    assert result.exit_code == 0
    assert f"COMMITTED at {2**62 - SECOND} us" in result.output


def record_of_r1(tmp_path: Path, sequence: int, *operators: SigningKey, **ends: int) -> Path:
    """Another record of R1, its key revoked where `at_us` says when; rivals fork its roots."""
    signers = list(R1.operators)
    keys = [certified(statement_key_certificate(R1.id, R1.online), operators or signers)]
    message = record_message(R1.name, signers, keys)
    if operators:
        root = root_of(operators, version=2)
        message.roots.append(sign_root(root, [*signers, *operators]))
    message.sequence = sequence
    if ends:
        message.revocations.add(key=R1.online.public, at_us=ends["at_us"])
    path = tmp_path / "newer.record"
    path.write_bytes(sign_record(message, operators or signers))
    return path


def test_a_newer_record_says_which_keys_count(tmp_path: Path) -> None:
    data = FILES["commit"].SerializeToString()
    decided_us = judge(data, NOW_US).members[0].leaf.decided_at_us
    same = record_of_r1(tmp_path, 2)
    assert run(tmp_path, data, "--record", str(same)).exit_code == 0
    revoked = record_of_r1(tmp_path, 2, at_us=decided_us - 1)
    answer = run(tmp_path, data, "--record", str(revoked), "--json")
    assert (answer.exit_code, json.loads(answer.output)["code"]) == (1, "UNKNOWN_KEY")
    older = record_of_r1(tmp_path, 0, at_us=decided_us - 1)
    assert run(tmp_path, data, "--record", str(older)).exit_code == 0, "the file's is newer"
    rivals = [signing_key(f"rival {i}") for i in range(3)]
    heirs = [signing_key(f"heir {i}") for i in range(3)]
    record = read_record(record_of_r1(tmp_path, 5, *heirs).read_bytes())
    file = pb.CertificateFile.FromString(data)
    file.records.append(pb.SignedRegistryRecord.FromString(record.signed))
    forked = record_of_r1(tmp_path, 9, *rivals)
    answer = run(tmp_path, file.SerializeToString(), "--record", str(forked), "--json")
    assert (answer.exit_code, json.loads(answer.output)["code"]) == (1, "RECORD")
    (tmp_path / "none").write_text("no record")
    assert run(tmp_path, data, "--record", str(tmp_path / "none")).exit_code == 2
    assert run(tmp_path, data, "--record", str(tmp_path / "absent")).exit_code == 2
