"""What is published of the log, read from its files as a stranger reads them."""

from pathlib import Path

import pytest

from node.command.sim.cast import digest
from proto.checkpoint import Checkpoint, cosign, sign_checkpoint
from proto.keys import SigningKey
from proto.limits import US
from proto.shard import shard_origin
from registry.published import Cosigned, read_published
from tests.proto.witnessed import NAMES, W1

RECORD = W1.record
ROOT = digest("root")


def note(shard: int, size: int, key: SigningKey = W1.log, *, seen_s: dict[int, int]) -> bytes:
    origin = shard_origin(RECORD.log_origin, shard) if shard else RECORD.log_origin
    signed = sign_checkpoint(Checkpoint(origin, size, ROOT), key)
    lines = [cosign(signed, NAMES[i], W1.cosigners[i], at_s) for i, at_s in seen_s.items()]
    return signed.with_signatures(lines).encode()


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "checkpoint").write_bytes(data)


def test_each_shard_with_who_saw_it(tmp_path: Path) -> None:
    put(tmp_path, "2027", note(2027, 1, seen_s={}))
    put(tmp_path, "2026", note(2026, 9, seen_s={1: 77, 0: 99}))
    put(tmp_path, "0", note(0, 3, seen_s={}))
    first, second, third = read_published(tmp_path, RECORD)
    assert [(p.shard, p.size, p.root) for p in (first, second, third)] == [
        (0, 3, ROOT),
        (2026, 9, ROOT),
        (2027, 1, ROOT),
    ]
    assert second.cosigned == (Cosigned(NAMES[0], 99 * US), Cosigned(NAMES[1], 77 * US))
    assert second.at_us > 0
    assert first.origin == RECORD.log_origin, "from before there were shards"


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert read_published(tmp_path / "log", RECORD) == []
    (tmp_path / "2026").mkdir()
    assert read_published(tmp_path, RECORD) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("2026", note(2027, 1, seen_s={})),  # another shard's
        ("2026", note(2026, 1, W1.cosigners[0], seen_s={})),  # not signed by our log key
        ("2026", b"no note"),
        ("2026", b""),
        ("tile", note(2026, 1, seen_s={})),
        ("02026", note(2026, 1, seen_s={})),
    ],
)
def test_what_is_no_checkpoint_of_ours_is_left_out(tmp_path: Path, name: str, data: bytes) -> None:
    put(tmp_path, name, data)
    assert read_published(tmp_path, RECORD) == []
