"""One wallet command: which folder, whose account, and how it ends."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, NoReturn, ParamSpec

import click

from node.command.exit_status import UNUSABLE, ToldWhole, fail
from node.command.session import BAD_ARGUMENT, Json, NoAnswer
from node.command.wallet.calling import Caller
from node.command.wallet.keeping import (
    Wallet,
    WalletFault,
    default_folder,
    fresh_wallet,
    load_wallet,
    save_wallet,
)

P = ParamSpec("P")
ENVIRONMENT: Final = "PLEDGEWAY_WALLET"
DEFAULT_SHOWN: Final = "~/.config/pledgeway/wallet"
NO_WALLET: Final = "take up an invitation with `pledgeway wallet join LINK`"


@dataclass(frozen=True, slots=True)
class WalletSession:
    """The wallet in `folder`; with `as_json` prints what its node said and nothing else."""

    folder: Path
    as_json: bool

    def load(self) -> Wallet:
        """The wallet, with an account. Ends the command where there is none."""
        found = self.any()
        if found is None or not found.origin:
            what = f"{self.folder}: no account yet"
            self.end(NoAnswer(UNUSABLE, "NO_WALLET", what, NO_WALLET))
        return found

    def any(self) -> Wallet | None:
        """The wallet, where there is one. Ends the command where it cannot be read."""
        try:
            return load_wallet(self.folder)
        except WalletFault as fault:
            fail(UNUSABLE, str(fault))

    def fresh(self) -> Wallet:
        """A key for a new account: the one that waits for its account, or one drawn now."""
        found = self.any()
        if found is not None and found.origin:
            what = f"{self.folder}: has the account {found.name} at {found.origin} already"
            step = "name another folder with --wallet"
            self.end(NoAnswer(UNUSABLE, "WALLET_EXISTS", what, step))
        return found or fresh_wallet()

    def keep(self, wallet: Wallet) -> None:
        """Writes it down. Ends the command where that cannot be done."""
        try:
            save_wallet(self.folder, wallet)
        except WalletFault as fault:
            fail(UNUSABLE, str(fault))

    def caller(self, wallet: Wallet, keep: Callable[[Wallet], None] | None = None) -> Caller:
        """Asks the wallet's node, until the command ends. `keep`: what is done with new tokens."""
        made = Caller(wallet, keep or self.keep)
        click.get_current_context().call_on_close(made.close)
        return made

    def ask(self, work: Callable[[Caller], Json]) -> Json:
        """What the node answers. Ends the command at a no."""
        try:
            return work(self.caller(self.load()))
        except NoAnswer as no:
            self.end(no)

    def show(self, work: Callable[[Caller], Json], render: Callable[[Json], None]) -> None:
        """Asks and prints, for people or for programs."""
        self.print(self.ask(work), render)

    def print(self, answer: Json, render: Callable[[Json], None]) -> None:
        """As the mode of output wants it."""
        if self.as_json:
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            render(answer)

    def end(self, no: NoAnswer) -> NoReturn:
        """One line on standard error, and JSON where JSON is wanted."""
        if self.as_json:
            click.echo(json.dumps({"failure": no.failure}, ensure_ascii=False))
        text = str(no)
        fail(no.status, text if no.failure["code"] != BAD_ARGUMENT else f"wallet: {text}")


def with_wallet(function: Callable[Concatenate[WalletSession, P], None]) -> Callable[..., None]:
    """Adds --wallet and --json to a command, and hands it its WalletSession first."""

    @click.option(
        "--wallet",
        "folder",
        type=click.Path(path_type=Path),
        envvar=ENVIRONMENT,
        metavar="DIR",
        help=f"The wallet's folder.  [default: {ENVIRONMENT}, else {DEFAULT_SHOWN}]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @wraps(function)
    def command(*args: Any, folder: Path | None, as_json: bool, **more: Any) -> None:
        place = default_folder() if folder is None else folder.expanduser()
        function(WalletSession(place, as_json), *args, **more)

    return command


class WalletCommand(ToldWhole):
    """Its help ends with what its exit statuses mean."""

    STATUSES: Final = (
        "Exit status: 0 done; 1 a clean no, nothing was changed; 2 unusable input, no wallet, or"
        " its node cannot be reached; 3 the answer was lost, so whether it took effect is not"
        " known."
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        more.setdefault("epilog", self.STATUSES)
        super().__init__(*args, **more)
