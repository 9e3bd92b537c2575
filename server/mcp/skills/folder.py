"""A library as a skill: its name, SKILL.md and, for a long library, experiences by topic."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from experience_store.library import Experience, Library, State
from experience_store.token_estimate import estimate_tokens
from server.mcp.skills.topics import Topic, topics
from server.text import one_line

MAIN = "SKILL.md"
REFERENCES = "references"
GENERATOR = "experience-mcp"
MAX_DESCRIPTION = 1_024
MAX_OBJECTIVE = 400  # characters of an objective in a description
MAX_TOKENS = 3_500  # of experiences in SKILL.md; hosts advise 5,000 for the whole file
MAX_LINES = 400
_ADVICE = (
    "Lessons that were distilled by comparing attempts at this kind of work that went well with "
    "attempts that went badly. They are advice: follow those whose condition holds for your task. "
    "They never override the user or your instructions."
)
_CHOOSE = (
    "Before you begin, read the files whose topic your task touches, and only those. Where the "
    "tool `get_experiences` is connected, it finds the lessons for a task by itself."
)
_SEAL = "content"
_SEAL_LINE = re.compile(rf'^  {_SEAL}: "?([0-9a-f]{{64}})"?\n', re.MULTILINE)

_PLAIN_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DIGEST = 12
_DERIVED = re.compile(rf"-x[0-9a-f]{{{_DIGEST}}}$")
_MAX_STEM = 64 - _DIGEST - 2


def skill_name(library: str) -> str:
    """The name of a library's skill.

    Skill names are narrower than library names: 1 to 64 lower-case letters, digits and single
    hyphens. A library whose name qualifies keeps it. Any other gets the nearest name plus part of
    its digest, so that no two libraries share a skill; so does a name that already looks like that.
    """
    if _PLAIN_NAME.fullmatch(library) and not is_derived(library):
        return library
    near = "-".join(re.findall(r"[a-z0-9]+", library))[:_MAX_STEM].rstrip("-")
    return f"{near}-x{sha256(library.encode()).hexdigest()[:_DIGEST]}"


def is_derived(skill: str) -> bool:
    """Whether a skill's name differs from its library's."""
    return _DERIVED.search(skill) is not None


@dataclass(frozen=True, slots=True)
class File:
    """A file of a skill. `path` is relative to the skill's folder, separated by `/`."""

    path: str
    data: bytes

    @property
    def digest(self) -> str:
        """Digest of the bytes, in the form of SEP-2640."""
        return f"sha256:{sha256(self.data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Skill:
    """A library as a skill. Its first file is SKILL.md."""

    name: str
    frontmatter: Frontmatter
    files: tuple[File, ...]

    @property
    def description(self) -> str:
        """What hosts show of the skill before loading it."""
        return str(self.frontmatter["description"])

    @property
    def origin(self) -> str:
        """The lines of SKILL.md that name its generator and library."""
        metadata = self.frontmatter["metadata"]
        assert not isinstance(metadata, str), "it is a mapping"
        return as_yaml({key: metadata[key] for key in ("generator", "library")}, "  ")

    def file(self, path: str) -> File | None:
        """The file at a path, if it has one there."""
        return next((f for f in self.files if f.path == path), None)


def skill_of(library: Library, state: State) -> Skill:
    """The skill of a library at a version; the same bytes for equal libraries."""
    lessons = [_line(e) for e in state.experiences]
    if len(lessons) <= MAX_LINES and estimate_tokens("\n".join(lessons)) <= MAX_TOKENS:
        return _made(library, state, ["## Lessons", "", *lessons], ())
    parts = [(_path(place, t), t) for place, t in enumerate(topics(state.experiences), start=1)]
    references = tuple(File(path, _reference(topic)) for path, topic in parts)
    return _made(library, state, _contents(parts), references)


def _made(
    library: Library, state: State, rest: Sequence[str], references: tuple[File, ...]
) -> Skill:
    name = skill_name(library.name)
    body = "\n".join([*_opening(library), "", *rest]) + "\n"
    metadata = {"generator": GENERATOR, "library": library.name, "version": str(state.version)}
    frontmatter: Frontmatter = {
        "name": name,
        "description": description_of(library),
        "metadata": metadata,
    }
    metadata[_SEAL] = _seal(_text(frontmatter, body), references)
    return Skill(name, frontmatter, (File(MAIN, _text(frontmatter, body).encode()), *references))


def is_unchanged(files: Sequence[File]) -> bool:
    """Whether these are the files of an exported skill, unchanged to the byte."""
    main = next((f for f in files if f.path == MAIN), None)
    others = sorted((f for f in files if f.path != MAIN), key=lambda f: f.path)
    if main is None:
        return False
    text = main.data.decode("utf-8", "replace")
    line = _SEAL_LINE.search(text)
    return line is not None and line[1] == _seal(text.replace(line[0], "", 1), others)


def _text(frontmatter: Frontmatter, body: str) -> str:
    return f"---\n{as_yaml(frontmatter)}---\n\n{body}"


def _seal(text: str, references: Sequence[File]) -> str:
    """A digest of everything in a skill except the digest itself."""
    lines = [text, *(f"{f.path} {f.digest}" for f in references)]
    return sha256("\n".join(lines).encode()).hexdigest()


def description_of(library: Library) -> str:
    """When to use a library's skill, for hosts and their models."""
    work = library.agent_objective or library.learning_objective
    about = f"this work: {_clip(work)}" if work else f"tasks of the kind {library.name!r}."
    return (
        f"Lessons from earlier attempts, with what went well and what went badly, at {about} "
        "Read it before you begin such a task, and follow what fits."
    )[:MAX_DESCRIPTION]


def _clip(text: str) -> str:
    line = one_line(text)
    if len(line) > MAX_OBJECTIVE:
        return f"{line[:MAX_OBJECTIVE].rsplit(' ', 1)[0]} …"
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _opening(library: Library) -> list[str]:
    lines = [
        f"# Experiences: {library.name}",
        "",
        _ADVICE,
    ]
    if library.agent_objective:
        lines += ["", f"The agent's work: {one_line(library.agent_objective)}"]
    if library.learning_objective:
        lines += ["", f"What to get better at: {one_line(library.learning_objective)}"]
    return lines


def _contents(parts: Sequence[tuple[str, Topic]]) -> list[str]:
    lines = [
        "## Lessons by topic",
        "",
        _CHOOSE,
        "",
    ]
    for path, topic in parts:
        size = len(topic.experiences)
        about = f"“{topic.name}”" if topic.name else "other matters"
        lines.append(f"- [{path}]({path}): {about}, {size} lesson{'' if size == 1 else 's'}")
    return lines


def _path(place: int, topic: Topic) -> str:
    return f"{REFERENCES}/{place:02}-{topic.name or 'other'}.md"


def _reference(topic: Topic) -> bytes:
    about = f"Lessons about “{topic.name}”" if topic.name else "Lessons about other matters"
    lines = [f"# {about}", "", "Advice from earlier attempts: follow what fits the task.", ""]
    return ("\n".join([*lines, *(_line(e) for e in topic.experiences)]) + "\n").encode()


def _line(experience: Experience) -> str:
    return f"- [{experience.id}] {one_line(experience.line())}"


Frontmatter: TypeAlias = Mapping[str, str | Mapping[str, str]]

_PLAIN_SCALAR = re.compile(r"[A-Za-z](?:[\w ,;.()/'-]*[\w.)])?", re.ASCII)
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def as_yaml(values: Frontmatter, indent: str = "") -> str:
    """Printable strings, and mappings of them, as YAML."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, str):
            lines.append(f"{indent}{key}: {_scalar(value)}\n")
        else:
            lines.append(f"{indent}{key}:\n{as_yaml(value, indent + '  ')}")
    return "".join(lines)


def _scalar(text: str) -> str:
    if _PLAIN_SCALAR.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
