"""The forms in which other programs write attempts, one module for each."""

from __future__ import annotations

from server.importing.fields import Json
from server.importing.forms.atif import ATIF
from server.importing.forms.completions import COMPLETIONS
from server.importing.forms.form import Form
from server.importing.forms.inspect_log import INSPECT
from server.importing.forms.langsmith import LANGSMITH
from server.importing.forms.lm_eval import LM_EVAL
from server.importing.forms.openai_evals import OPENAI_EVALS
from server.importing.forms.openhands import OPENHANDS
from server.importing.forms.preferences import PREFERENCES
from server.importing.forms.promptfoo import PROMPTFOO
from server.importing.forms.swe_agent import SWE_AGENT
from server.importing.forms.swe_bench import SWE_BENCH
from server.importing.forms.tau2_bench import TAU2_BENCH
from server.importing.forms.tau_bench import TAU_BENCH
from server.importing.forms.verl import VERL
from server.importing.forms.youtu import YOUTU

FORMS = (
    *(TAU_BENCH, TAU2_BENCH, INSPECT, VERL, LANGSMITH, OPENHANDS),
    *(YOUTU, LM_EVAL, SWE_AGENT, SWE_BENCH, ATIF, PROMPTFOO, OPENAI_EVALS),
    *(COMPLETIONS, PREFERENCES),
)


def form_of(value: Json) -> Form | None:
    """The form of an entry; None if it is none of another program's."""
    return next((form for form in FORMS if form.matches(value)), None)
