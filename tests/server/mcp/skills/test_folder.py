"""What is in a skill, and what it is called."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from experience_store.library import Experience, Library, State
from experience_store.token_estimate import estimate_tokens
from server.mcp.skills.folder import (
    MAX_DESCRIPTION,
    File,
    Skill,
    is_unchanged,
    skill_name,
    skill_of,
)

WORDS = [
    "refund",
    "flight",
    "customer",
    "booking",
    "passenger",
    "upgrade",
    "cancel",
    "insurance",
    "payment",
    "gift",
    "certificate",
    "economy",
    "business",
    "policy",
    "baggage",
    "airport",
    "reservation",
    "delay",
    "compensation",
    "membership",
]
AGENT_SKILL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def skill(*texts: str, library: Library | None = None, version: int = 3) -> Skill:
    entries = tuple(Experience(f"G{n}", "Check", text) for n, text in enumerate(texts, start=1))
    held = library or Library("airline", version, len(texts), agent_objective="Serves passengers")
    return skill_of(held, State(held.name, version, entries, len(entries) + 1))


def many(count: int) -> list[str]:
    return [
        f"When a {WORDS[n % 20]} meets a {WORDS[n * 7 % 19]}, look up rule {n} of the "
        f"{WORDS[n * 3 % 17]} first, then go on."
        for n in range(count)
    ]


def text_of(file: File) -> str:
    return file.data.decode()


def head_of(made: Skill) -> object:
    return yaml.safe_load(text_of(made.files[0]).split("---\n")[1])


@pytest.mark.parametrize(
    "name", ["airline", "a.b", "a_b", "a--b", "a-b", "3.1", "x" * 64, "a" + "._" * 30 + "b", "3"]
)
def test_every_library_name_becomes_a_valid_skill_name(name: str) -> None:
    made = skill_name(name)

    assert AGENT_SKILL_NAME.fullmatch(made)
    assert len(made) <= 64


def test_valid_names_are_kept_and_no_two_libraries_share_one() -> None:
    names = ["a-b", "a.b", "a_b", "a--b", "a..b", skill_name("a.b"), skill_name("a_b")]

    assert skill_name("a-b") == "a-b"
    assert len({skill_name(name) for name in names}) == len(names)


def test_a_short_library_is_one_file_ready_to_follow() -> None:
    made = skill("When a refund is asked for, check the fare rules.")
    (main,) = made.files

    assert "- [G1] Check: When a refund is asked for, check the fare rules." in text_of(main)
    assert "They are advice" in text_of(main)
    assert "never override the user or your instructions" in text_of(main)
    assert "Serves passengers" in made.description
    assert head_of(made) == made.frontmatter


@pytest.mark.parametrize(
    "objective",
    [
        "Answers: #1 of \"all\" 'customers'",
        "- x\n---\ny: z",
        "yes",
        "日本語 \U0001f600",
        "a\x00\x85b",
        "w " * 900,
    ],
)
def test_the_front_matter_reads_as_it_was_written(objective: str) -> None:
    library = Library("air_line", 1, 1, agent_objective=objective)
    made = skill("Check first.", library=library)

    assert head_of(made) == made.frontmatter
    assert 0 < len(made.description) <= MAX_DESCRIPTION
    assert text_of(made.files[0]).count("\n---\n") == 1


@pytest.mark.parametrize("count", [400, 3_000])
def test_a_long_library_is_split_by_topic_and_nothing_is_lost(count: int) -> None:
    made = skill(*many(count))
    main, *references = made.files
    ids = [
        id_
        for file in references
        for id_ in re.findall(r"^- \[(G\d+)\]", text_of(file), re.MULTILINE)
    ]

    assert sorted(ids, key=lambda i: int(i[1:])) == [f"G{n}" for n in range(1, count + 1)]
    assert estimate_tokens(text_of(main)) < 5_000
    assert text_of(main).count("\n") < 500
    assert all(f"]({file.path})" in text_of(main) for file in references)
    assert all(estimate_tokens(text_of(file)) < 5_000 for file in references)
    assert sum(len(file.data) for file in made.files) < 16 * 2**20
    assert len(made.files) <= 512


def test_topics_are_named_after_words_their_lessons_share() -> None:
    baggage = [
        f"When baggage of weight {n} is lost, file report {n} at desk {n}." for n in range(50)
    ]
    refunds = [f"When refunds of {n} dollars are due, pay voucher {n} by mail." for n in range(50)]
    padding = [
        f"Kind{n} of unusual{n} matter{n} calls{n} for special{n} care{n}." * 3 for n in range(40)
    ]
    topics = [file.path for file in skill(*baggage, *refunds, *padding).files[1:]]

    assert any("baggage" in path for path in topics)
    assert any("refund" in path or "voucher" in path for path in topics)


def test_equal_versions_give_equal_bytes_and_other_versions_do_not() -> None:
    texts = many(500)

    assert skill(*texts).files == skill(*texts).files
    assert skill(*texts).files[0] != skill(*texts, version=4).files[0]


def test_an_edit_in_any_file_is_detected() -> None:
    made = skill(*many(500))
    main, first, *others = made.files
    edits = [
        [replace(main, data=main.data.replace(b"Serves", b"serves")), first, *others],
        [main, replace(first, data=first.data + b"- mine\n"), *others],
        [main, *others],
        [main, first, *others, File("notes.md", b"mine")],
        [first, *others],
    ]

    assert is_unchanged(made.files)
    assert not any(is_unchanged(files) for files in edits)
