"""One shard's tree on disk: any steps, a crash at any write, and tiles that somebody changed."""

from functools import cache
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.command.sim.cast import signing_key
from proto.checkpoint import sign_checkpoint
from proto.log_tree import EMPTY_ROOT
from proto.merkle import leaf_hash, merkle_root
from proto.note import ED25519, NoteKey
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import Tile
from tests.registry.publishing.reading import read_log

ORIGIN = "example.net/harbour/2026"
KEY = signing_key("log")
NOTE_KEY = NoteKey(ORIGIN, ED25519, KEY.public)
LEAVES = [b"leaf %d" % i for i in range(1200)]
NUMBERS = count()


@cache
def root(size: int) -> bytes:
    """Of the first leaves, by the plainest code there is."""
    return merkle_root([leaf_hash(leaf) for leaf in LEAVES[:size]]) if size else EMPTY_ROOT


def publish(log: ShardLog) -> None:
    log.files.write_checkpoint(sign_checkpoint(log.checkpoint(), KEY).encode())
    log.drop_outgrown()


def folder_of(tmp_path: Path) -> Path:
    """Hypothesis runs many examples in one tmp_path."""
    return tmp_path / str(next(NUMBERS))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_any_steps_give_the_same_log(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    size = 0
    for step in steps:
        # Opened anew each time: after a start the files alone say how it stands.
        log = ShardLog(ORIGIN, TileFiles(folder), size)
        log.extend(LEAVES[size : size + step])
        size = min(size + step, len(LEAVES))
        assert log.checkpoint().root == root(size)
        publish(log)
        checkpoint, _, leaves = read_log(folder, [NOTE_KEY])
        assert (checkpoint.size, leaves) == (size, LEAVES[:size])
    for earlier in {0, 1, size // 2, size}:
        assert log.root_at(earlier) == root(earlier)


class Killed(BaseException):
    """The process is gone."""


class DyingFiles(TileFiles):
    """Dies at the n-th write: before it, or with half a draft on the disk."""

    def __init__(self, folder: Path, at: int, half: bool) -> None:
        super().__init__(folder)
        self._left = at
        self._half = half

    def _write(self, path: Path, data: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            if self._half:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(path.name + ".new").write_bytes(data[: len(data) // 2])
            raise Killed
        super()._write(path, data)


@pytest.mark.parametrize("half", [False, True])
def test_killed_at_any_write(tmp_path: Path, half: bool) -> None:
    """Between two tiles, between tiles and checkpoint: the next run makes the same, and more."""
    before, after, later = 250, 530, 540
    for at in count(1):
        folder = folder_of(tmp_path)
        log = ShardLog(ORIGIN, TileFiles(folder), 0)
        log.extend(LEAVES[:before])
        publish(log)
        log.files = DyingFiles(folder, at, half)
        try:
            log.extend(LEAVES[before:after])
            publish(log)
        except Killed:
            # A stranger sees the old log, whole.
            assert read_log(folder, [NOTE_KEY])[2] == LEAVES[:before]
            again = ShardLog(ORIGIN, TileFiles(folder), before)
            again.extend(LEAVES[before:later])
            publish(again)
            assert read_log(folder, [NOTE_KEY])[2] == LEAVES[:later]
            continue
        assert at > 8, "every kind of file was died at"
        return


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "path", ["tile/0/000.p/250", "tile/entries/000.p/250"], ids=["hashes", "entries"]
)
def test_what_was_changed_on_disk_is_noticed_at_the_start(tmp_path: Path, path: str) -> None:
    log = ShardLog(ORIGIN, TileFiles(tmp_path), 0)
    log.extend(LEAVES[:250])
    changed(tmp_path / path)
    with pytest.raises(LogDamaged, match="last entries are not those"):
        ShardLog(ORIGIN, TileFiles(tmp_path), 250)


class LyingFiles(TileFiles):
    """A disk that gives back something else than was written."""

    def __init__(self, folder: Path, at: str) -> None:
        super().__init__(folder)
        self._at = at

    def write(self, tile: Tile, data: bytes) -> None:
        super().write(tile, data)
        if tile.path() == self._at:
            changed(self.folder / self._at)


@pytest.mark.parametrize("at", ["tile/0/001", "tile/entries/001", "tile/1/000.p/2"])
def test_a_tile_that_differs_is_never_signed(tmp_path: Path, at: str) -> None:
    log = ShardLog(ORIGIN, TileFiles(tmp_path), 0)
    log.extend(LEAVES[:250])
    log.files = LyingFiles(tmp_path, at)
    with pytest.raises(LogDamaged):
        log.extend(LEAVES[250:530])
    assert log.size == 250, "what may be signed is what was there before"


def test_a_wrong_sum_is_never_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compact range and the tiles disagree: whichever is wrong, nothing goes out."""
    log = ShardLog(ORIGIN, TileFiles(tmp_path), 0)
    log.extend(LEAVES[:3])
    monkeypatch.setattr("registry.tlog.fold", lambda roots: b"\0" * 32)
    with pytest.raises(LogDamaged, match="two roots"):
        log.extend(LEAVES[3:5])
