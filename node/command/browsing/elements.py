"""The parts of a page: found as a person finds them, and used as a person uses them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.command.browsing.wire import BrowserFault, Wire

# What can be written into or chosen from, as screen readers call it.
FIELDS: Final = ("textbox", "searchbox", "spinbutton", "combobox", "checkbox", "radio")
SHOWN_NAMES: Final = 12  # as many names as a complaint lists: a page has more than one reads
# The way to an element from the top of its page: names and places among sisters.
PATH_OF: Final = """function () {
  const steps = [];
  for (let e = this; e.parentElement; e = e.parentElement) {
    steps.unshift(`${e.localName}:nth-child(${[...e.parentElement.children].indexOf(e) + 1})`);
  }
  return ["html", ...steps].join(" > ");
}"""


@dataclass(frozen=True, slots=True)
class Element:
    """A part of the page that is open; with the page it goes. All methods: BrowserFault."""

    wire: Wire
    name: str  # the driver's

    def click(self) -> None:
        """With the mouse, in its middle: refused where something lies over it. Waits for a page
        that it leads to."""
        self._do("click")

    def type(self, text: str) -> None:
        """On the keyboard, after what is there already."""
        self._do("value", text=text)

    def clear(self) -> None:
        """A field's content."""
        self._do("clear")

    def text(self) -> str:
        """What of it can be seen."""
        return str(self._ask("text"))

    def attribute(self, name: str) -> str | None:
        """As the page's source has it."""
        value = self._ask(f"attribute/{name}")
        return None if value is None else str(value)

    def value(self) -> str:
        """What stands in a field now."""
        return str(self._ask("property/value"))

    def label(self) -> str:
        """What a screen reader calls it."""
        return str(self._ask("computedlabel"))

    def role(self) -> str:
        """What a screen reader says it is."""
        return str(self._ask("computedrole"))

    def is_shown(self) -> bool:
        return bool(self._ask("displayed"))

    def is_enabled(self) -> bool:
        return bool(self._ask("enabled"))

    def is_chosen(self) -> bool:
        """A box that is ticked, an option that is chosen."""
        return bool(self._ask("selected"))

    def _do(self, command: str, **words: object) -> None:
        self.wire.post(f"/element/{self.name}/{command}", **words)

    def _ask(self, what: str) -> Any:
        return self.wire.get(f"/element/{self.name}/{what}")


def by_selector(wire: Wire, selector: str) -> tuple[Element, ...]:
    """All that a CSS selector means, in the page's order."""
    return _found(wire, "css selector", selector)


def by_text(wire: Wire, text: str) -> tuple[Element, ...]:
    """The smallest elements that can be seen and hold `text`, blanks between words aside."""
    holds = f"contains(normalize-space(.), {_quoted(text)})"
    found = _found(wire, "xpath", f"//body//*[{holds} and not(.//*[{holds}])]")
    return tuple(element for element in found if element.is_shown())


def by_role(wire: Wire, roles: tuple[str, ...], name: str) -> Element:
    """The one that a screen reader calls by a role of `roles` and exactly `name`.

    BrowserFault: there is none or there are several; it lists the names that there are.
    """
    named = list(_named(wire, roles))
    ids = [node for heard, node in named if heard == name]
    what = " or ".join(roles)
    if len(ids) != 1:
        there = ", ".join(repr(heard) for heard, _ in named[:SHOWN_NAMES]) or "none at all"
        raise BrowserFault(f"{len(ids)} of role {what} are named {name!r}; there are: {there}")
    found = by_selector(wire, _path(wire, ids[0]))
    if not found:
        raise BrowserFault(f"the {what} {name!r} is gone from the page")
    return found[0]


def tree(wire: Wire) -> list[dict[str, Any]]:
    """The page as screen readers are given it: the protocol's nodes, without what is ignored."""
    nodes = wire.tell("Accessibility.getFullAXTree")["nodes"]
    return [node for node in nodes if not node.get("ignored")]


def said(node: dict[str, Any], what: str) -> str:
    """The `what` ("name", "role") of a node of `tree`; "" where it has none."""
    return str(node.get(what, {}).get("value", ""))


def _named(wire: Wire, roles: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """(name, the browser's number of the node)."""
    for node in tree(wire):
        if said(node, "role") in roles:
            yield said(node, "name"), node["backendDOMNodeId"]


def _path(wire: Wire, node: int) -> str:
    """A selector. The tree's numbers mean nothing to WebDriver, so we go by way of the page."""
    held = wire.tell("DOM.resolveNode", backendNodeId=node)["object"]["objectId"]
    answer = wire.tell(
        "Runtime.callFunctionOn", objectId=held, functionDeclaration=PATH_OF, returnByValue=True
    )
    return str(answer["result"]["value"])


def _found(wire: Wire, using: str, value: str) -> tuple[Element, ...]:
    found = wire.post("/elements", using=using, value=value)
    return tuple(Element(wire, *each.values()) for each in found)


def _quoted(text: str) -> str:
    """A literal of XPath, which knows no escapes."""
    plain = " ".join(text.split())
    if "'" not in plain:
        return f"'{plain}'"
    if '"' not in plain:
        return f'"{plain}"'
    parts = ', "\'", '.join(f"'{part}'" for part in plain.split("'"))
    return f"concat({parts})"
