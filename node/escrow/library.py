"""The templates that ship: the twelve use cases of the Certified HTTP Escrow, and more."""

from functools import cache
from importlib.resources import files
from typing import Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.templates import Template, read_template

CASES: Final = (  # in their order there
    *("friendship", "gift", "buy parcel", "buy parcel for group", "buy object contents"),
    *("give object contents", "buy object", "join group", "buy parcel pass"),
    *("buy parcel pass from group", "deed parcel", "deed parcel and tier"),
)
MORE: Final = (
    *("deposit", "cash out", "swap", "three way swap", "loan", "repay loan", "seize collateral"),
    *("split dollar", "join pennies", "write call", "buy call", "exercise call"),
    "reclaim expired call",
)
NAMES: Final = (*CASES, *MORE)


@cache
def library_bytes(name: str) -> bytes:
    """The exact bytes of a shipped template. TemplateFault where there is none of this name."""
    if name not in NAMES:
        raise TemplateFault(FaultCode.NO_SUCH_TEMPLATE, shown(name), "is no template that ships")
    folder = files("node.escrow").joinpath("library")
    return folder.joinpath(name.replace(" ", "_") + ".json").read_bytes()


@cache
def library() -> dict[str, Template]:
    """All that ship, by name, in the order in which they are shown."""
    return {name: read_template(library_bytes(name)) for name in NAMES}


def is_shipped(template: Template) -> bool:
    """Whether these are the exact bytes of a template that ships, not only its name."""
    return template.name in NAMES and library()[template.name].hash == template.hash
