"""Changes to config.toml that leave what the operator wrote around them as it is."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from proto.record_parts import RecordWitness
from registry.config import Config, ConfigFault, read_config
from registry.home import write_public

LOG: Final = "log"
WITNESSES: Final = "witnesses"
QUORUM: Final = "quorum"


def edit_witnesses(
    path: Path,
    add: Sequence[RecordWitness] = (),
    drop: Sequence[str] = (),
    quorum: int | None = None,
) -> Config:
    """Names witnesses under [log], and no longer those whose names are in `drop`.

    An added one takes the place of one of the same name. `quorum` None leaves what is there. The
    file is replaced as a whole, once it reads well: ConfigFault and OSError leave it as it was.
    """
    read_config(path)  # what was wrong before is told as that
    gone = {*drop, *(witness.key.name for witness in add)}
    try:
        text = _edited(path.read_text(), add, gone, quorum)
    except TOMLKitError as error:
        raise ConfigFault(f"{path}: {' '.join(str(error).split())}") from error
    return _replace(path, text)


def _edited(text: str, add: Sequence[RecordWitness], gone: set[str], quorum: int | None) -> str:
    document = tomlkit.parse(text)
    if LOG not in document:
        document[LOG] = tomlkit.table()
    log = document[LOG]
    assert isinstance(log, dict), log  # read_config has seen it
    if WITNESSES not in log:
        log[WITNESSES] = tomlkit.array().multiline(True)
    entries = log[WITNESSES]
    assert isinstance(entries, list), entries
    for index in reversed(range(len(entries))):
        if str(entries[index]["key"]).partition("+")[0] in gone:
            del entries[index]
    for witness in add:
        entry = tomlkit.inline_table()
        entry.update({"key": witness.key.encode(), "url": witness.url})
        entries.append(entry)
    if quorum is not None:
        log[QUORUM] = quorum
    return tomlkit.dumps(document)


def _replace(path: Path, text: str) -> Config:
    draft = path.with_name(path.name + ".draft")
    try:
        write_public(draft, text.encode())
        try:
            config = read_config(draft)
        except ConfigFault as fault:
            raise ConfigFault(str(fault).replace(str(draft), str(path), 1)) from fault
        shutil.copymode(path, draft)
        draft.replace(path)
    finally:
        # Crash before this: a draft is left, which nobody reads and the next change overwrites.
        draft.unlink(missing_ok=True)
    return config
