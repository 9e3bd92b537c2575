"""Runs of practice in tests: a small world in which experiences help, and ways to run in it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from click.testing import CliRunner

from experience_store.testing import Asked, Said, Script, ScriptedEndpoint, sensible_answer
from server.cli.main import main
from server.learning.models.endpoint import PROBE
from tests.processes.starting import python

HELP = "check the details first"  # what `sensible_answer` has learned, in a prompt
TRUTH = "TRUTH-IS-"  # begins every right answer of this world
_NAMES = ("amber", "birch", "cedar", "daisy", "ebony", "flint", "hazel", "ivory", "jade", "lime")
_LEAVE_OUT_PAGES = (  # as the fixture `no_pages` does
    "import sys, types, server.practice.report as r; r._NEEDED = ()\n"
    "page = types.SimpleNamespace(render_page=lambda *_: '')\n"
    "sys.modules['server.practice.report.html_report'] = page\n"
)
_LAUNCH = (  # a lease of a killed process is over soon
    "from server.learning.worker import Worker, WorkerTimes\n"
    "Worker.__init__.__kwdefaults__['times'] = WorkerTimes(lease=0.3, heartbeat=0.1)\n"
    + _LEAVE_OUT_PAGES
    + "from server.cli.main import main; main()"
)


def tasks(count: int, *, first: int = 0) -> list[dict[str, str]]:
    """Tasks of which none says the same as another."""
    return [
        {
            "id": f"t/{number}",
            "task": f"What is number {number} of the {_NAMES[number % 10]} tree called?",
            "ground_truth": f"{TRUTH}{number}",
        }
        for number in range(first, first + count)
    ]


def answer(asked: Asked) -> Said:
    """The model that attempts: right with experiences, else by chance of prompt and seed."""
    number = re.search(r"What is number (\d+)", asked.prompt)
    assert number is not None, asked.prompt
    chance = hashlib.sha256(f"{asked.seed} {asked.prompt}".encode()).digest()[0]
    right = HELP in asked.prompt or chance < 90
    return Said(f"Let me see.\nAnswer: {TRUTH if right else 'NO-'}{number[1]}")


def teach(asked: Asked) -> Said:
    """The model that learns, judges and writes directly."""
    if asked.prompt.startswith("You write advice"):
        found = re.search(r"exactly (\d+) exp", asked.prompt)
        count = int(found[1]) if found else 0
        written = [
            {"name": f"Advice {n}", "experience": f"When asked for {n} things, {HELP}."}
            for n in range(count)
        ]
        return Said(json.dumps({"experiences": written}))
    if asked.prompt.startswith("You judge"):
        found = re.search(r"<attempt>(.*?)</attempt>", asked.prompt, re.DOTALL)
        right = found is not None and TRUTH in found[1]
        return Said(json.dumps({"reasons": "as I see it", "reward": float(right)}))
    return Said(sensible_answer(asked.prompt))


def is_attempt(asked: Asked) -> bool:
    """Whether the call is a player's."""
    is_correction = asked.last.text.startswith("This answer cannot be used")
    return asked.format is None and asked.prompt != PROBE and not is_correction


def world(asked: Asked) -> Said:
    """Both models."""
    return answer(asked) if is_attempt(asked) else teach(asked)


def but(script: Script, change: Callable[[Asked], Said | None]) -> Script:
    """A script with exceptions."""
    return lambda asked: change(asked) or script(asked)


def slow(script: Script, seconds: float) -> Script:
    return lambda asked: replace(script(asked), delay=seconds)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def error(self) -> str:
        """What it says is wrong, without what went before."""
        assert "Traceback" not in self.errors, self.errors
        return self.errors.rpartition("Error: ")[2] or self.errors


@dataclass
class Ground:
    """A directory to practise in: data, a database, and the endpoint."""

    folder: Path
    endpoint: ScriptedEndpoint
    options: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.data("practice.jsonl", tasks(6))
        self.data("held-out.jsonl", tasks(7, first=100))

    def data(self, name: str, lines: list[dict[str, str]]) -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def database(self) -> Path:
        return self.folder / "experience.db"

    def arguments(self, command: str, *more: str) -> list[str]:
        """A command line; what stands later in it wins."""
        given = ["--base-url", self.endpoint.base_url, "--model", "fake", "--retries", "0"]
        given += ["--database", str(self.database), "--library", "lib", "--run", str(self.run)]
        given += ["--send-seed", *self.options]
        if command == "practice":
            given += ["--data", str(self.folder / "practice.jsonl"), "--verifier", "match"]
            given += ["--group-size", "3", "--epochs", "1", "--k", "2"]
        else:
            given += ["--data", str(self.folder / "held-out.jsonl"), "--verifier", "match"]
            given += ["--k", "2"]
        return [command, *given, *more]

    @property
    def evaluated(self) -> tuple[str, str]:
        return ("--eval-data", str(self.folder / "held-out.jsonl"))

    async def do(self, command: str, *more: str, code: int = 0) -> Ended:
        """Run a command of the program that must end with this code."""
        ended = await self.invoke(self.arguments(command, *more))
        assert ended.code == code, ended
        return ended

    async def invoke(self, arguments: list[str], **environment: str) -> Ended:
        """Run the program in a thread of this process."""
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, main, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    async def command(self, *arguments: str) -> Ended:
        """Run another command of the program on the same database."""
        environment = {"EXPERIENCE_MCP_DATABASE": str(self.database)}
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, main, arguments)
        assert result.exit_code == 0, result.output
        return Ended(result.exit_code, result.stdout, result.stderr)

    async def start(self, command: str, *more: str) -> asyncio.subprocess.Process:
        """Run a command as a process of its own."""
        kept = {k: v for k, v in os.environ.items() if k in {"HOME", "PATH", "PYTHONPATH"}}
        return await asyncio.create_subprocess_exec(
            *(python(), "-c", _LAUNCH, *self.arguments(command, *more)),
            env=kept,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def report(self) -> Any:
        """The figures of the run."""
        return json.loads((self.run / "report.json").read_text())

    def figures(self) -> dict[str, object]:
        """Likewise, without what differs from time to time and place to place."""
        found = cast("dict[str, Any]", without_seconds(self.report()))
        places = dict.fromkeys(("data", "endpoint", "teacher_endpoint"))
        return {**found, "settings": {**found["settings"], **places}}

    @property
    def attempts(self) -> list[Asked]:
        return [asked for asked in self.endpoint.calls if is_attempt(asked)]

    @property
    def questions(self) -> list[Asked]:
        return [asked for asked in self.endpoint.calls if not is_attempt(asked)]

    def spent(self) -> dict[str, int]:
        """What the endpoint says was spent."""
        return {
            "calls": len(self.endpoint.calls),
            "prompt_tokens": self.endpoint.prompt_tokens,
            "completion_tokens": self.endpoint.completion_tokens,
        }


@asynccontextmanager
async def ground(folder: Path, script: Script = world) -> AsyncGenerator[Ground]:
    async with ScriptedEndpoint(script) as endpoint, asyncio.timeout(120):
        yield Ground(folder, endpoint)


@asynccontextmanager
async def copy_of(done: Ground, folder: Path) -> AsyncGenerator[Ground]:
    """A copy of what a run left behind, on an endpoint that was not asked anything yet."""
    shutil.copytree(done.folder, folder, dirs_exist_ok=True)
    async with ground(folder) as here:
        yield here


def without_seconds(value: object) -> object:
    """A report without what differs from time to time."""
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        return {k: without_seconds(v) for k, v in found.items() if "seconds" not in k}
    if isinstance(value, list):
        return [without_seconds(item) for item in cast("list[object]", value)]
    return value


def counted(spent: dict[str, int]) -> dict[str, int]:
    """What of it the endpoint counts too."""
    return {k: spent[k] for k in ("calls", "prompt_tokens", "completion_tokens")}
