"""Pages of reports, read in tests, and a run that attacks them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from pydantic import JsonValue

from server.practice.records import AttemptGroup, Run, StepLearning, Task
from server.practice.report import write_report
from tests.server.practice.run_builders import attempt, broken_off, run, step, unverified

HOSTILE = (
    "<script>alert('x')</script>\"'><img src=http://evil.example/x.png onerror=a()> {{ 7*7 }} $x_1$"
)


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(made: Run, folder: Path) -> Page:
    write_report(made, folder)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def hostile_run() -> Run:
    """Everything that may come from elsewhere is an attack."""
    awkward = HOSTILE + "\x00\x1b[31m\ud800\u202e" + "long" * 5000
    rewards = [attempt(1.0), attempt(0.0), broken_off(awkward), unverified(awkward)]
    groups = [
        AttemptGroup(task=Task(id=awkward + str(i), prompt=awkward), attempts=rewards)
        for i in (1, 2)
    ]
    better = [g.model_copy(update={"attempts": [attempt(1.0)] * 4}) for g in groups[:1]]
    learned = StepLearning(
        before=0, version=1, size=1, changes=[awkward] * 60, refused=[awkward], failed=[awkward]
    )
    made = run(step(1, *groups, learned=learned), without={}, with_library={}, stopped=awkward)
    arms = [
        made.evaluations[0].model_copy(update={"groups": groups}),
        made.evaluations[1].model_copy(update={"groups": [*better, groups[1]]}),
    ]
    settings: dict[str, JsonValue] = {awkward: awkward, "n": float("nan"), "deep": [[awkward]]}
    return made.model_copy(
        update={"name": awkward, "library": awkward, "settings": settings, "evaluations": arms}
    )
