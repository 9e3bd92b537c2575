"""Verifiers score the attempts at tasks.

A verifier that is unavailable raises `VerifierError`: it is never replaced by another one, and an
attempt that it did not score never counts as a reward of zero. Reading order: `protocol`; then
`answer_match`, `judge`, `package_verifiers` (with `package_scorers`, their subprocess) and
`user_function`, each a way to score. `answer_extraction` finds the final answer.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from experience_store.errors import BadInputError
from server.practice.verifiers.answer_match import (
    ExactVerifier,
    MatchVerifier,
    make_number_verifier,
)
from server.practice.verifiers.package_verifiers import GymVerifier, MathVerifier
from server.practice.verifiers.protocol import Verifier, VerifierError
from server.practice.verifiers.user_function import TIME_LIMIT, load_function

if TYPE_CHECKING:
    from server.learning.models import Model

__all__ = ["NAMES", "TIME_LIMIT", "Verifier", "VerifierError", "make_verifier"]

NAMES = ("exact", "match", "number", "math", "reasoning-gym", "judge")


def make_verifier(
    spec: str, *, judge: Model | None, function_seconds: float = TIME_LIMIT
) -> Verifier:
    """The verifier of this name.

    Args:
        spec: `exact`, `match`, `number[:TOLERANCE]`, `math`, `reasoning-gym`, `judge`, or
            `module:function`.
        judge: The model that `judge` asks; the caller closes it.
        function_seconds: Timeout of one call of `module:function`.

    Raises:
        BadInputError: If there is no such verifier, or what it needs is missing.
    """
    name = spec.partition(":")[0]
    if name == "number":
        return make_number_verifier(spec)
    if spec in NAMES:
        return _named(spec, judge)
    if ":" in spec:
        return load_function(spec, function_seconds)
    close = get_close_matches(spec, NAMES, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise BadInputError(
        f"unknown verifier {spec!r}; {hint}Known: {', '.join(NAMES)} and module:function"
    )


def _named(name: str, judge: Model | None) -> Verifier:
    match name:
        case "exact":
            return ExactVerifier()
        case "match":
            return MatchVerifier()
        case "math":
            return MathVerifier()
        case "reasoning-gym":
            return GymVerifier()
        case _:
            if judge is None:
                raise BadInputError("the verifier 'judge' needs a language model: name one")
            from server.practice.verifiers.judge import JudgeVerifier  # noqa: PLC0415  # scorers' processes start sooner without

            return JudgeVerifier(judge)
