"""The page of a node that has one, and what it needs of the world.

A module of its own, which nodes without a page never load: with what serves and draws pages it is
a sixth of the time that a start takes.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from node.config import CONFIG_NAME, ConfigFault
from node.control.context import Context
from node.page.site import app
from node.page_config import PageConfig
from node.people.domains import DomainProofs
from node.people.known_domains import KnownDomains
from node.people.notifying import Notifying
from runtime.web import serve_web
from runtime.web_client import WebClient

log = logging.getLogger(__name__)


def check_trusted(page: PageConfig, directory: Path) -> None:
    """Before anything is opened: later nobody would look at a log for it. ConfigFault."""
    try:
        WebClient(page.reach(directory))
    except OSError as error:  # ssl.SSLError is one
        cause = f"no certificates can be read from it: {error.strerror}"
        raise ConfigFault(directory / CONFIG_NAME, "page.trusted", cause) from error


async def serve_page(
    context: Context,
    page: PageConfig,
    directory: Path,
    say_by: Callable[[Callable[[bytes], None]], None],
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves it until it is cancelled; what the ready line says of it. OSError: no such address.

    `say_by` is told who says notices to those who are to be called.
    """
    over = trio.Event()
    client = WebClient(page.reach(directory))
    notifying = Notifying(context, page, client)
    say_by(notifying.say)
    domains = DomainProofs(client, context.clock, KnownDomains(context.engine))
    context.confirmations.holds = domains.holds
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifying.run)
        serve = partial(serve_web, app(context, page), page.listen, over)
        await nursery.start(serve, page.tls(directory))
        if page.is_unlimited:
            log.warning("page: nobody is limited behind a proxy: set proxies in [page]")
        task_status.started(f", page {page.origin}")
