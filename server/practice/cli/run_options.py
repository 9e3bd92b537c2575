"""The options of `practice` and `evaluate`, typed, and what follows from them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict, Field

from experience_store.errors import BadInputError
from experience_store.learning.inputs import model_budget
from experience_store.safety.secret_fields import is_secret_name, secret_values
from server.cli.option_sections import Decorator, section
from server.cli.options import (
    KEY_MISSING,
    NO_KEY,
    Command,
    database_option,
    json_option,
    library_argument,
    model_options,
)
from server.practice.cli.command_options import (
    BUDGETS,
    DATASET,
    SERVER,
    TEACHER_KEY,
    Options,
)
from server.practice.client.connection import TOKEN
from server.practice.datasets.gym_tasks import PREFIX
from server.practice.players import Sampling
from server.practice.records import Arm
from server.practice.run.attempts import AttemptSettings
from server.practice.run.forecast import Assumptions
from server.practice.run.redaction import Redactor
from server.practice.spending import RolloutLimits
from server.practice.verifiers import NAMES, make_verifier
from server.settings import ModelSettings, Prices, Settings, secret_in

DEFAULT_SERVED_TOKENS = Settings(Path()).max_tokens
_WORD = re.compile("[a-z]{1,11}")
_LONGEST_NAME = 60  # characters of a folder's name that come from the data's


class RunOptions(BaseModel):
    """The options of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    database: Path
    library: str
    as_json: bool
    model: ModelSettings | None
    data: str
    task_field: str | None
    truth_field: str | None
    skip: int
    limit: int | None
    verifier: str | None
    verifier_seconds: float
    allow_overlap: bool
    instructions: str | None
    tools: Path | None
    tools_seconds: float
    dry_run: bool
    answer_tokens: int | None
    experience_tokens: int | None
    max_turns: int | None
    rollout_tokens: int | None
    rollout_seconds: float | None
    rollout_cost: float | None
    tries: int
    accept_failures: int
    seed: int
    send_seed: bool
    teacher: str | None
    teacher_url: str | None
    teacher_body: dict[str, object] | None = None
    teacher_price_prompt: float | None
    teacher_price_cached: float | None
    teacher_price_completion: float | None
    server: str | None
    max_cost: float | None
    max_tokens: int | None
    run: Path | None
    k: int
    eval_temperature: float | None
    # of `practice` alone
    eval_data: str | None = None
    eval_task_field: str | None = None
    eval_truth_field: str | None = None
    hold_out: float | None = None
    epochs: int = 0
    group_size: int = 0
    batch_size: int = 1
    temperature: float | None = None
    no_ground_truth: bool = False
    direct: int | None = None
    teacher_prompt_tokens: int | None = None
    from_step: int | None = None
    # of `evaluate` alone
    arms: tuple[Arm, ...] = Field(default=("without", "with"))

    @property
    def player(self) -> ModelSettings:
        """The model that attempts the tasks.

        Raises:
            click.UsageError: If none is named.
        """
        if self.model is None:
            raise click.UsageError("name the model that attempts the tasks with --model")
        return self.model

    @property
    def teacher_settings(self) -> ModelSettings:
        """The model that learns and judges."""
        player = self.player
        url = self.teacher_url or player.base_url
        key = secret_in(TEACHER_KEY) or (player.api_key if url == player.base_url else NO_KEY)
        prices = player.prices if self.teacher in {None, player.name} else None
        own = (self.teacher_price_prompt, self.teacher_price_cached, self.teacher_price_completion)
        if any(price is not None for price in own):
            prompt, cached, completion = own
            prices = Prices(
                prompt or 0.0, (prompt or 0.0) if cached is None else cached, completion or 0.0
            )
        here = url == player.base_url
        same = here and self.teacher in {None, player.name}
        return replace(
            player,
            name=self.teacher or player.name,
            base_url=url,
            api_key=key,
            prices=prices,
            headers=player.headers if here else {},
            extra_body=self.teacher_body or (player.extra_body if same else {}),
            prompt_tokens=self.teacher_prompt_tokens,
        )

    @property
    def redactor(self) -> Redactor:
        """Takes secrets out of what is kept and printed, the run's own keys among them."""
        keys = [self.player.api_key, self.teacher_settings.api_key, secret_in(TOKEN)]
        settings: tuple[object, ...] = (
            dict(self.player.headers),
            dict(self.player.extra_body),
            dict(self.teacher_settings.extra_body),
            [self.player.base_url, self.teacher_settings.base_url, self.server],
            _secret_variables(),
            _read_tools(self.tools),
        )
        return Redactor([*keys, *secret_values(settings)])

    @property
    def folder(self) -> Path:
        """Where the run is kept; by default another folder for each of the two commands."""
        if self.run is not None:
            return self.run
        data = self.data.removeprefix(PREFIX).partition("?")[0]
        name = re.sub(r"[^\w.+-]+", "-", Path(data).stem)[:_LONGEST_NAME].strip("-.") or "data"
        measured = "" if self.epochs else f"-evaluate-{name}"
        return Path("runs") / f"{self.library}{measured}"

    @property
    def system_message(self) -> str | None:
        """The instructions, read from a file if they name one."""
        if self.instructions is None or not self.instructions.startswith("@"):
            return self.instructions
        return Path(self.instructions[1:]).read_text(encoding="utf-8")

    def sampling(self, temperature: float | None) -> Sampling:
        """How the model is sampled at a temperature."""
        return Sampling(temperature, self.answer_tokens, self.system_message, self.send_seed)

    @property
    def attempt_settings(self) -> AttemptSettings:
        """Limits and tries of an attempt."""
        limits = RolloutLimits(
            self.max_turns, self.rollout_tokens, self.rollout_seconds, self.rollout_cost
        )
        return AttemptSettings(limits, self.tries, self.player.timeout)

    @property
    def verifier_name(self) -> str:
        """The verifier; where all tasks are generated, they bring their own.

        Raises:
            click.UsageError: If none is named.
        """
        if self.verifier is not None:
            return self.verifier
        sources = [self.data] if self.eval_data is None else [self.data, self.eval_data]
        generated = [source.startswith(PREFIX) for source in sources]
        if all(generated):
            return "reasoning-gym"
        both = "one for the tasks of both --data and --eval-data " if any(generated) else ""
        raise click.UsageError(
            f"say how attempts are scored with --verifier: {both}exact, match, number, math, "
            "judge, or MODULE:FUNCTION"
        )

    @property
    def eval_fields(self) -> tuple[str | None, str | None]:
        """Where the held-out tasks have their prompt and their right answer.

        In the same fields as the others, unless they have options of their own or are generated.
        """
        own = (self.eval_task_field, self.eval_truth_field)
        if self.eval_data is not None and self.eval_data.startswith(PREFIX):
            return own
        return own[0] or self.task_field, own[1] or self.truth_field

    @property
    def assumptions(self) -> Assumptions:
        """What a forecast of the run rests on."""
        served = self.experience_tokens
        return Assumptions(
            answer_tokens=self.answer_tokens,
            instructions=self.system_message,
            experience_tokens=DEFAULT_SERVED_TOKENS if served is None else served,
            tools=self.tools is not None,
            judged=self.verifier_name == "judge",
            prices=self.player.prices,
            teacher_prices=self.teacher_settings.prices,
            teacher_budget=model_budget(self.teacher_prompt_tokens),
        )

    @property
    def needed_of_policy(self) -> tuple[str, ...]:
        """What the library's policy must allow to learn from what is submitted."""
        if not self.epochs or self.direct:
            return ()
        needed = {
            "learn_without_rewards": self.no_ground_truth,
            "learn_from_single_attempts": self.group_size == 1,
        }
        return tuple(name for name, need in needed.items() if need)

    def check_key(self) -> None:
        """Check that there is an API key, once all else is in order.

        Raises:
            BadInputError: If there is none.
        """
        if not self.player.api_key:
            raise BadInputError(KEY_MISSING.format(self.player.name))

    def check_verifier(self) -> None:
        """Check that there is such a verifier; its packages and its model are not needed yet.

        Raises:
            BadInputError: If there is none.
        """
        if self.verifier_name not in NAMES:
            make_verifier(self.verifier_name, judge=None)

    def check(self) -> None:
        """Check the options before anything is spent.

        Raises:
            click.UsageError: If they are inconsistent.
        """
        assert self.verifier_name, "it raises where there is none"
        priced = self.player.prices is not None and self.teacher_settings.prices is not None
        if (self.max_cost is not None or self.rollout_cost is not None) and not priced:
            raise click.UsageError(
                "a cost limit needs prices: --price-prompt and --price-completion, and "
                "--teacher-price-… if the teacher is another model"
            )
        if self.eval_data is None and (self.eval_task_field or self.eval_truth_field):
            raise click.UsageError("--eval-task-field and --eval-truth-field need --eval-data")
        if self.eval_data is not None and self.hold_out is not None:
            raise click.UsageError("give --eval-data or --hold-out, not both")
        if self.direct and self.server is not None:
            raise click.UsageError("--direct needs an embedded server: leave out --server")
        if self.direct and self.from_step is not None:
            raise click.UsageError("--direct has no steps to redo: leave out --from-step")


def takes_run_options(
    *, attempts: Options, learning: Decorator, evaluation: Options, run_folder: Options
) -> Callable[[Callable[[RunOptions], None]], Command]:
    """A command that takes the options of a run.

    Args:
        attempts: The options on attempts.
        learning: The section on the teacher: it learns and judges, or only judges.
        evaluation: The options on the evaluation.
        run_folder: The options on where the run is kept.
    """

    def decorated(command: Callable[[RunOptions], None]) -> Command:
        def run(**values: object) -> None:
            command(RunOptions.model_validate(_plain(values)))

        run.__doc__, run.__name__ = command.__doc__, command.__name__
        complete: Command = run
        for add in reversed(
            (
                section("Dataset and scores", *DATASET),
                section(
                    "Model",
                    model_options(needs_key=False, purpose="Model that attempts the tasks."),
                ),
                section("Attempts", *attempts),
                learning,
                section("Evaluation", *evaluation),
                section("Budgets", *BUDGETS),
                section("Library and server", library_argument(), database_option, *SERVER),
                section("Run and output", *run_folder, json_option),
            )
        ):
            complete = add(complete)
        return complete

    return decorated


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in values.items() if v is not None or k in _OPTIONAL}


_OPTIONAL = {name for name, field in RunOptions.model_fields.items() if field.is_required()}


def _secret_variables() -> dict[str, str]:
    """The environment variables with secrets: a verifier or a tool server may show them.

    Not those that are a short word, such as `postgres`: texts would lose it wherever it stands.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if "://" in value or (is_secret_name(name) and not _WORD.fullmatch(value))
    }


def _read_tools(path: Path | None) -> object:
    """What a file of MCP servers gives them; nothing if it cannot be read."""
    try:
        text = "null" if path is None else path.read_text(encoding="utf-8")
        return [json.loads(text), json.loads(os.path.expandvars(text))]
    except (OSError, ValueError):
        return None  # which is told where it is needed
