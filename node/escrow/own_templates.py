"""Templates that a node's owner has written: JSON files in the folder `templates` of its home."""

from pathlib import Path
from typing import Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.library import NAMES
from node.escrow.templates import Template, read_template
from proto.limits import MAX_TEMPLATE_BYTES

FOLDER: Final = "templates"
SUFFIX: Final = ".json"
MAX_FILES: Final = 256  # more than anybody reads the names of


def read_file(path: Path) -> bytes:
    """A template's bytes. Raises TemplateFault where the file cannot be read or is too long."""
    place = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEMPLATE_BYTES + 1)
    except OSError as error:
        cause = f"cannot be read: {error.strerror}"
        raise TemplateFault(FaultCode.UNREADABLE, place, cause) from error
    except ValueError as error:  # a name that no file can have
        raise TemplateFault(FaultCode.UNREADABLE, shown(place), str(error)) from error
    if len(data) > MAX_TEMPLATE_BYTES:
        raise TemplateFault(FaultCode.TOO_LONG, place, f"has more than {MAX_TEMPLATE_BYTES} bytes")
    return data


def read_own(path: Path) -> tuple[Template, bytes]:
    """A template of one's own in a file, and its bytes. Raises TemplateFault, naming the file.

    A name that ships is refused: who is asked to join "gift" must not be shown something else.
    """
    data = read_file(path)
    try:
        template = read_template(data)
    except TemplateFault as fault:
        raise TemplateFault(fault.code, f"{path}: {fault.place}", fault.text) from fault
    if template.name in NAMES:
        cause = f"{template.name!r} is a template that ships: give it another name"
        raise TemplateFault(FaultCode.NAME_TAKEN, str(path), cause)
    return template, data


def own_templates(home: Path) -> dict[str, tuple[Template, bytes]]:
    """All in a node's home, by name, in the order of their files; {} where there is no folder.

    Raises TemplateFault for the first that cannot be used, so that none is missed unnoticed.
    """
    found: dict[str, tuple[Template, bytes]] = {}
    folder = home / FOLDER
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix == SUFFIX and not _hidden(p))
    except FileNotFoundError:
        return {}
    except OSError as error:
        cause = f"cannot be read: {error.strerror}"
        raise TemplateFault(FaultCode.UNREADABLE, str(folder), cause) from error
    if len(files) > MAX_FILES:
        raise TemplateFault(FaultCode.TOO_MANY, str(folder), f"holds more than {MAX_FILES} files")
    for path in files:
        template, data = read_own(path)
        if template.name in found:
            cause = f"{template.name!r} is in another file of the folder as well"
            raise TemplateFault(FaultCode.NAME_TAKEN, str(path), cause)
        found[template.name] = template, data
    return found


def _hidden(path: Path) -> bool:
    """What editors leave while a file is open."""
    return path.name.startswith(".")
