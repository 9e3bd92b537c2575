"""The library as an argument and as -l/--library, in every command that works on one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

import click
import pytest

from server.cli.main import main
from tests.databases import contents
from tests.server.cli.program import Program, lines

LINE = lines({"task": "t", "trajectories": [{"output": "o", "reward": 1}]})
SHEET = "# Experiences: other\n\n- [G1] When here, look.\n"
NEW = "When lost, ask."
# each command with its arguments
FORMS = [
    "show LIBRARY",
    "history LIBRARY",
    "diff LIBRARY",
    "diff LIBRARY 0",
    "diff LIBRARY 0 2",
    "rollback LIBRARY 1",
    "why LIBRARY G1",
    "describe LIBRARY",
    "edit add LIBRARY new",
    "edit revise LIBRARY G1 new",
    "edit retire LIBRARY G1",
    "edit retire LIBRARY G1 2",
    "review LIBRARY",
    "delete LIBRARY --yes",
    "export LIBRARY",
    "submit LIBRARY -",
    "learn LIBRARY --retry-set-aside",
    "import LIBRARY -",
]
WITHOUT_JSON = {"export"}
ELSEWHERE = {"install", "practice", "evaluate"}  # covered by their own tests


@pytest.fixture(scope="module")
def zoo_contents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    program = Program(tmp_path_factory.mktemp("zoo") / "experience.db")
    for library in ("zoo", "default"):
        program.run("edit", "add", f"When in the {library}, look.", "-l", library)
        program.run("edit", "add", "When full, wait.", "-l", library)
    return contents(program.database)


@pytest.fixture
def zoo(program: Program, zoo_contents: bytes) -> Program:
    """Two experiences in each of `zoo` and `default`."""
    program.database.write_bytes(zoo_contents)
    return program


@pytest.fixture(scope="module")
def as_argument() -> Callable[[Program, str], str]:
    """The outcome of a form with `zoo` as the argument, which several tests compare with theirs."""
    known: dict[str, str] = {}

    def find(zoo: Program, form: str) -> str:
        if form not in known:
            known[form] = outcome(zoo, arguments(form, "zoo"))
        return known[form]

    return find


def arguments(form: str, *library: str) -> list[str]:
    """The command line of a form, with the library in its place or without it."""
    words = [NEW if word == "new" else word for word in form.split()]
    place = words.index("LIBRARY")
    return [*words[:place], *library, *words[place + 1 :]]


def outcome(program: Program, args: list[str], **environment: str) -> str:
    """What a command prints and leaves behind, on a copy of the database."""
    copy = Program(Path(mkdtemp(dir=program.database.parent)) / "copy.db")
    before = contents(program.database)
    copy.database.write_bytes(before)
    stdin = SHEET if args[0] == "import" else LINE
    as_json = () if args[0] in WITHOUT_JSON else ("--json",)
    with patch.dict("os.environ", environment):
        printed = copy.run(*args, *as_json, stdin=stdin).stdout
    if contents(copy.database) == before:
        left = ["nothing is changed"]
    else:
        left = [copy.run("export", name).stdout for name in names(copy)]
    return re.sub(r"\d{4}-\d\d-\d\dT[^\"]+", "TIME", "\n".join([printed, *left]))


def names(program: Program) -> list[str]:
    return [str(name) for name in program.json("libraries").all("libraries", of="name")]


@pytest.mark.parametrize("form", FORMS)
def test_the_library_may_be_an_argument_or_an_option(
    zoo: Program, form: str, as_argument: Callable[[Program, str], str]
) -> None:
    expected = as_argument(zoo, form)
    assert expected == outcome(zoo, [*arguments(form), "-l", "zoo"])
    assert expected == outcome(zoo, [*arguments(form), "--library", "zoo"])
    assert expected == outcome(zoo, [*arguments(form, "zoo"), "--library", "zoo"])
    assert "zoo" in expected


@pytest.mark.parametrize("form", [f for f in FORMS if not f.startswith(("delete", "import"))])
@pytest.mark.exhaustive
def test_the_library_may_come_from_the_environment_and_an_argument_overrides_it(
    zoo: Program, form: str, as_argument: Callable[[Program, str], str]
) -> None:
    expected = as_argument(zoo, form)
    assert expected == outcome(zoo, arguments(form), EXPERIENCE_MCP_LIBRARY="zoo")
    assert expected == outcome(zoo, arguments(form, "zoo"), EXPERIENCE_MCP_LIBRARY="default")
    assert expected != outcome(zoo, arguments(form))


@pytest.mark.parametrize("form", [*FORMS, "serve LIBRARY", "doctor LIBRARY"])
def test_two_different_libraries_are_an_error(zoo: Program, form: str) -> None:
    result = zoo.run(*arguments(form, "zoo"), "-l", "airline", stdin=LINE, fails=2)
    assert "LIBRARY is 'zoo', but --library is 'airline': give one of them" in result.stderr


@pytest.mark.parametrize("form", [*FORMS, "serve LIBRARY", "doctor LIBRARY"])
def test_the_usage_line_shows_where_the_library_goes(program: Program, form: str) -> None:
    words = form.split()
    command = words[: words.index("LIBRARY")]
    assert f"{' '.join(command)} [OPTIONS] [LIBRARY]" in program.run(*command, "--help").stdout


def test_every_command_with_a_library_option_is_tested_here() -> None:
    context = click.Context(main)
    for name in set(main.list_commands(context)) - ELSEWHERE:
        command = main.get_command(context, name)
        assert command is not None
        group = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for part, leaf in group:
            path = f"{name} {part}".strip()
            options = [p for p in leaf.params if p.name == "library" and "-l" in p.opts]
            tested = [f for f in [*FORMS, "serve L", "doctor L"] if f.startswith(f"{path} ")]
            assert bool(options) == bool(tested), path


def test_the_host_entry_of_doctor_has_the_library(zoo: Program) -> None:
    as_argument, as_option = (
        re.sub(r"[\d,]+ MB free", "N MB free", zoo.run("doctor", *library).stdout)
        for library in (["zoo"], ["-l", "zoo"])
    )
    assert as_argument == as_option
    assert '"zoo"' in as_argument


@pytest.mark.parametrize(
    ("args", "extra"),
    [
        ("show zoo more", "more"),
        ("rollback zoo 1 2", "1"),
        ("why zoo G1 G2", "G1"),
        ("diff zoo 1 2 3", "3"),
        ("edit revise zoo G1 text more", "G1"),
    ],
)
def test_one_argument_too_many_is_an_error(zoo: Program, args: str, extra: str) -> None:
    assert f"unexpected extra argument ({extra})" in zoo.run(*args.split(), fails=2).stderr


def test_numbers_are_versions_unless_there_are_three(zoo: Program) -> None:
    zoo.run("edit", "add", NEW, "-l", "7")
    assert zoo.json("diff", "0", "1").at("library") == "default"
    assert zoo.json("diff", "7", "0", "1").at("library") == "7"
    assert zoo.json("diff", "-l", "7").at("library") == "7"
    assert "'new' is not a valid version number" in zoo.run("diff", "zoo", "new", fails=2).stderr


def test_submit_takes_a_file_for_a_file(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text(LINE)
    Path("zoo").mkdir()
    assert program.json("submit", "runs").at("libraries", 0, "library") == "default"
    assert program.json("submit", "runs", "runs").at("lines") == 2
    assert program.json("submit", "zoo", "runs").at("libraries", 0, "library") == "zoo"
    for missing in (["zoo.jsonl", "runs"], ["missing"]):
        assert "No such file" in program.run("submit", *missing, fails=1).stderr


def test_delete_never_takes_the_library_of_other_commands(zoo: Program) -> None:
    with patch.dict("os.environ", EXPERIENCE_MCP_LIBRARY="zoo"):
        assert "name the library" in zoo.run("delete", "--yes", fails=2).stderr
    assert names(zoo) == ["default", "zoo"]
