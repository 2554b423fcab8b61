"""What stands in the way of a reader who hears the page, sees little, or has no mouse.

axe judges by its rules; what it does not know (it is older than WCAG 2.2) our own looks.js adds.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from node.command.browsing.window import Browser

RULES: Final = (
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
    "best-practice",
)
OWN: Final = {  # WCAG 2.5.8, 1.4.10, 1.4.3 and 2.4.7
    "tiny": "target-size",
    "sticksOut": "reflow",
    "runTogether": "words-apart",
    "faint": "color-contrast",
    "unmarked": "focus-visible",
}
SCRIPTS: Final = (Path(__file__).parent / "looks.js").read_text()
ASK: Final = """
const [rules, done] = arguments;
const options = { runOnly: { type: "tag", values: rules }, resultTypes: ["violations"] };
window.axe.run(document, options).then((found) => done(found.violations), (e) => done(String(e)));
"""


@dataclass(frozen=True)
class Fault:
    """A rule, the part of the page that breaks it, and why."""

    rule: str
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.node}\n    {self.why}"


def look(window: Browser, question: str) -> Any:
    """The answer of one of the functions in looks.js."""
    return window.run(f"{SCRIPTS}\nreturn {question}();")


def faults(window: Browser) -> list[Fault]:
    """All that is found on the open page; it is held to be wrong as it looks now: its width, its
    colours, what is unfolded."""
    if not window.run("return Boolean(window.axe)"):
        window.run(files("axe_core_python").joinpath("axe.min.js").read_text())
    found = window.run_later(ASK, list(RULES))
    assert isinstance(found, list), f"axe does not run: {found}"
    broken = [
        Fault(rule["id"], node["html"][:200], " ".join(node["failureSummary"].split()))
        for rule in found
        for node in rule["nodes"]
    ]
    own = [
        Fault(rule, node, f"looks.js: {question}")
        for question, rule in OWN.items()
        for node in look(window, question)
    ]
    return broken + own


def told(found: list[Fault]) -> str:
    """For a test to print."""
    return "\n" + "\n".join(str(fault) for fault in found)
