"""The three requests of an update to a language model, one module each.

A module holds all of its question: the typed input, the prompt it renders to (its text is
beside it, in the file of the same name), the JSON schema of the answer, and the reading. Each
prompt is self-contained. What comes from outside (tasks, attempts, feedback) is put inside tags
and cannot close them; the prompt says that it is material, not instructions. Every rendering has a
golden test.
"""

from __future__ import annotations

from typing import TypeAlias

from experience_store.learning.prompts.blocks import Aim
from experience_store.learning.prompts.compare import Compare, ComparedAttempt, Comparison
from experience_store.learning.prompts.consolidate import (
    Consolidate,
    Consolidation,
    NumberedProposal,
)
from experience_store.learning.prompts.suggestions import Suggestion
from experience_store.learning.prompts.summarise import Summarise, Summary

Question: TypeAlias = Summarise | Compare | Consolidate
Answer: TypeAlias = Summary | Comparison | Consolidation

__all__ = [
    "Aim",
    "Answer",
    "Compare",
    "ComparedAttempt",
    "Comparison",
    "Consolidate",
    "Consolidation",
    "NumberedProposal",
    "Question",
    "Suggestion",
    "Summarise",
    "Summary",
]
