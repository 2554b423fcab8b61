"""Which logs a witness accepts: records that are added, renewed, refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US, R1, signing_key
from registry.home import HomeFault
from registry.witness.cosigning import Given
from registry.witness.rule import Refusal, Refused
from registry.witness.trust import TrustedLogs, add_log, shard_in
from tests.registry.witness.cases import GrowingLog, open_witness, record_of

pytestmark = pytest.mark.edge

LOG = GrowingLog()
RENEWED = replace(LOG, key=signing_key("another log key"))


def written(path: Path, record: bytes) -> Path:
    path.write_bytes(record)
    return path


def test_a_record_counts_at_once_and_its_successor_replaces_it(tmp_path: Path) -> None:
    with open_witness(tmp_path) as w:
        assert w.cosigner.add(LOG.request(0, 3)) == Refusal(Refused.UNKNOWN_LOG)
        add_log(tmp_path / "logs", written(tmp_path / "1", record_of(LOG)))
        assert isinstance(w.cosigner.add(LOG.request(0, 3)), Given)
        assert w.cosigner.add(RENEWED.request(3, 4)) == Refusal(Refused.UNKNOWN_KEY)
        add_log(tmp_path / "logs", written(tmp_path / "2", record_of(RENEWED, sequence=2)))
        assert isinstance(w.cosigner.add(RENEWED.request(3, 4)), Given)
        assert w.cosigner.add(LOG.request(4, 5)) == Refusal(Refused.UNKNOWN_KEY)
    assert len(list((tmp_path / "logs").iterdir())) == 1


def test_a_key_counts_while_it_is_certified(tmp_path: Path) -> None:
    with open_witness(tmp_path) as w:
        record = record_of(LOG, not_after_us=NOW_US + 10)
        add_log(tmp_path / "logs", written(tmp_path / "1", record))
        assert isinstance(w.cosigner.add(LOG.request(0, 3)), Given)
        w.clock.advance(11)
        assert w.cosigner.add(LOG.request(3, 4)) == Refusal(Refused.UNKNOWN_KEY)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (record_of(LOG, sequence=4), "sequence 4 does not continue 5"),
        (record_of(RENEWED, sequence=5), "sequence 5 does not continue 5"),
        (record_of(LOG, sequence=6, origin="example.net/renamed"), "never changes"),
        (record_of(LOG, operators="thief"), "has a log of this name"),
        (R1.record.signed, "certifies no key for a log"),
        (b"nothing of the kind", "1: "),
        (b"x" * 100_000, "at most"),
    ],
)
def test_what_is_not_added(tmp_path: Path, record: bytes, words: str) -> None:
    folder = tmp_path / "logs"
    add_log(folder, written(tmp_path / "0", record_of(LOG, sequence=5)))
    with pytest.raises(HomeFault, match=words):
        add_log(folder, written(tmp_path / "1", record))
    add_log(folder, tmp_path / "0")  # the same again is no fault
    assert TrustedLogs(folder).all()["example.net/harbour"].record.sequence == 5


def test_one_spoilt_record_hinders_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    add_log(folder, written(tmp_path / "0", record_of(LOG)))
    (folder / "spoilt.record").write_bytes(b"nothing of the kind")
    assert list(TrustedLogs(folder).all()) == ["example.net/harbour"]
    assert "spoilt.record" in caplog.text


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("a/b/2026", ("a/b", 2026)),
        ("a/2026/2027", ("a/2026", 2027)),
        ("2026", None),
        ("/2026", None),
        ("a/026", None),
        ("a/0026", None),
        ("a/20260", None),
        ("a/٢٠٢٦", None),
        ("a/2026/", None),
    ],
)
def test_the_shard_in_an_origin(origin: str, expected: tuple[str, int] | None) -> None:
    assert shard_in(origin) == expected
