"""The settings of a run: it can be resumed only with those it began with.

The report shows them, so nothing that may be secret is among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import JsonValue

from server.practice.cli.run_options import RunOptions
from server.practice.records import Task
from server.practice.run.plan import RunPlan
from server.practice.verifiers import Verifier
from server.practice.verifiers.user_function import UserFunction


def run_settings(options: RunOptions, plan: RunPlan, verifier: Verifier) -> dict[str, JsonValue]:
    """All that the figures of a run depend on; not its budgets, nor how fast it goes."""
    practice: dict[str, JsonValue] = {
        "epochs": options.epochs,
        "group_size": options.group_size,
        "batch_size": options.batch_size,
        "temperature": options.temperature,
        "ground_truth_withheld": options.no_ground_truth,
        "written_directly": options.direct,
    }
    evaluation: dict[str, JsonValue] = {
        "k": options.k,
        "eval_temperature": options.eval_temperature,
    }
    return {
        "data": options.data,
        "tasks": _digest(plan.tasks),
        "held_out_tasks": _digest(plan.held_out),
        "library": options.library,
        "model": options.player.name,
        "endpoint": address_of(options.player.base_url),
        "teacher": options.teacher_settings.name,
        "teacher_endpoint": address_of(options.teacher_settings.base_url),
        "verifier": options.verifier_name,
        "verifier_code": verifier.code if isinstance(verifier, UserFunction) else None,
        "seed": options.seed,
        "send_seed": options.send_seed,
        "experience_tokens": options.experience_tokens,
        "answer_tokens": options.answer_tokens,
        "instructions": options.system_message,
        "tools": mark_of(options.tools) if options.tools else None,
        **(practice if options.epochs else {}),
        **(evaluation if plan.held_out else {}),
    }


def _digest(tasks: Sequence[Task]) -> str:
    """How many tasks there are, and a mark that changes with them."""
    text = "\n".join(task.model_dump_json() for task in tasks)
    return f"{len(tasks)} ({hashlib.sha256(text.encode()).hexdigest()[:12]})"


def mark_of(path: Path) -> str:
    """A file's name and a mark that changes with it; what it holds may be secret."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"


def address_of(url: str | None) -> str | None:
    """An endpoint's address without what may be secret: a name and password, a query."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl().rstrip("/")
