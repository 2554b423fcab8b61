"""What `node init` writes and what `node run` starts."""

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from node.command.daemon_run import ended_in_one_line, log_to_stderr
from node.command.display import facts
from node.command.exit_status import REFUSED, UNUSABLE, fail, plain
from node.command.session import ENVIRONMENT, NoAnswer, default_directory, socket_path
from node.config import CONFIG_NAME, ConfigFault, NodeConfig, check_config, write_config
from runtime.identity import Identity, IdentityFault, create_identity

if TYPE_CHECKING:
    from node.control.service import Verb
    from node.routing import RouteFinder

STANDBY_S: Final = 0.5  # between two looks at whether the other process has ended
# Keys of the config by the options that set them, where the names differ.
OPTIONS: Final = {"escrow.listen": "service", "escrow.address": "service"}
ALIAS_CHARS: Final = 8  # of the id, where nobody says what to call the node


def chosen(directory: Path | None) -> Path:
    """The directory of an argument, else of the environment, else the default one."""
    given = directory or os.environ.get(ENVIRONMENT)
    return Path(given).expanduser() if given else default_directory()


def _require_short(path: Path) -> None:
    try:
        socket_path(path)
    except NoAnswer as no:
        fail(no.status, str(no))


def init_node(
    directory: Path | None,
    alias: str | None,
    listen: str,
    address: str,
    service: str,
    as_json: bool,
) -> None:
    """Makes a node's directory, whole or not at all, and prints what to do next."""
    path = chosen(directory)
    _require_short(path)
    if path.resolve() == Path.cwd():
        # It is made elsewhere and moved here, and the shell would stay in the old folder.
        fail(UNUSABLE, f"{path}: is where you are: name a folder in it, or go outside")
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        fail(REFUSED, f"{path}: exists already, and is left as it is: name another directory")
    # Checked before a key is drawn; a missing alias comes from the key.
    try:
        wanted = NodeConfig(alias or "-", listen, address, service_listen=service)
        check_config(wanted, path / CONFIG_NAME)
    except ConfigFault as fault:
        fail(UNUSABLE, f"--{OPTIONS.get(fault.key, fault.key)}: {fault.cause}")
    try:
        identity, config = _create(path, alias, wanted)
    except OSError as error:
        fail(REFUSED, f"{path}: cannot be written: {error.strerror}")
    except IdentityFault as fault:
        fail(REFUSED, str(fault))
    if as_json:
        made = {
            "node": identity.node.hex(),
            "alias": config.alias,
            "address": config.public_address,
            "service": config.public_service,
            "directory": str(path.absolute()),
        }
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    facts(
        (
            ("node", identity.node.hex()),
            ("alias", config.alias),
            ("address", config.public_address or "none: it dials only"),
            ("exchanges", config.public_service or "none: see [escrow] in its config.toml"),
            ("directory", path),
        )
    )
    click.echo(f"\nKeep a copy of {plain(path / 'identity.key')} offline: it is the node.")
    click.echo(f"Next: pledgeway node run {plain(path)}")


def _create(path: Path, alias: str | None, wanted: NodeConfig) -> tuple[Identity, NodeConfig]:
    parent = path.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place: after a crash there is no half node to be taken for a whole.
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=parent))
    try:
        identity = create_identity(draft, time.time_ns() // 1000, os.urandom)
        config = replace(wanted, alias=alias or identity.node.hex()[:ALIAS_CHARS])
        write_config(draft / CONFIG_NAME, config)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return identity, config


def follow(attempt: Callable[[], None], taken: type[Exception]) -> None:
    """Attempts until the node is nobody else's, and says once that it waits."""
    waits = False
    while True:
        try:
            return attempt()
        except taken:
            if not waits:
                click.echo("standby: another process runs this node")
            waits = True
            time.sleep(STANDBY_S)


def run_node(
    directory: Path | None,
    verbose: bool,
    more_verbs: "Mapping[str, Verb] | None" = None,
    *,
    standby: bool = False,
    shared: bool = False,
    finder: "Callable[[], RouteFinder] | None" = None,
) -> None:
    """Runs the daemon with the path finder wired in, until it is told to stop.

    `more_verbs`: as in `node.daemon.run`. `standby`: while another process runs the node, wait.
    `shared`: beside other processes that run it so. `finder`: instead of the usual one.
    """
    path = chosen(directory)
    _require_short(path)
    if not (path / CONFIG_NAME).is_file():
        fail(UNUSABLE, f"{path}: holds no node: make one with `pledgeway node init {path}`")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        fail(UNUSABLE, f"{path}: others may enter it, and it holds keys: chmod 700 {path}")
    log_to_stderr(verbose)
    # Here, so that no other command loads the machinery of a daemon.
    from node.command.finder import LocalFinder
    from node.daemon import run
    from node.shared.daemon import run_shared
    from runtime.store import StoreTaken

    def attempt() -> None:
        begin = run_shared if shared else run
        begin(path, finder or LocalFinder, lambda line: click.echo(line), more_verbs)

    with ended_in_one_line(path, ConfigFault):
        if standby:
            follow(attempt, StoreTaken)
        else:
            attempt()
