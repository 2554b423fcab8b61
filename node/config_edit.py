"""Changes to a node's config.toml that leave what the owner wrote around them as it is."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from node.config import ConfigFault, NodeConfig, read_config

SECTION: Final = "pathfinder"


def set_pathfinders(path: Path, cards: Sequence[str], *, gossip: bool) -> NodeConfig:
    """Names exactly these path finders (their cards), the first to be asked first.

    The file is replaced as a whole, once it reads well: ConfigFault and OSError leave it as it was.
    """
    read_config(path)  # what was wrong before is told as that
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except TOMLKitError as error:
        raise ConfigFault(path, "", " ".join(str(error).split())) from error
    if SECTION not in document:
        document[SECTION] = tomlkit.table()
    section = document[SECTION]
    assert isinstance(section, dict), section  # read_config has seen it
    listed = tomlkit.array()
    listed.extend(cards)
    section["cards"] = listed.multiline(len(cards) > 1)
    section["gossip"] = gossip
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_text(tomlkit.dumps(document), encoding="utf-8")
        try:
            config = read_config(draft)
        except ConfigFault as fault:
            raise ConfigFault(path, fault.key, fault.cause) from fault
        shutil.copymode(path, draft)
        draft.replace(path)
    finally:
        # Crash before this: a draft is left, which nobody reads and the next change overwrites.
        draft.unlink(missing_ok=True)
    return config
