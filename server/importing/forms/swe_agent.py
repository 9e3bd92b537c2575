"""SWE-agent: the trajectory of a run (`.traj`), with the messages of its agent as `history`."""

from __future__ import annotations

from experience_store.submissions.messages import first_user_text
from server.importing.chat import are_messages, nested
from server.importing.fields import Json, objects, without
from server.importing.forms.form import Form, Record

# The steps are in the history, each with all that was before; its messages say which is which.
_REPEATED = ("trajectory", "agent", "message_type")


def _matches(value: Json) -> bool:
    steps = objects(value.get("trajectory"))
    is_run = bool(steps) and all("action" in s and "observation" in s for s in steps)
    return is_run and are_messages(value.get("history"))


def _read(value: Json) -> Record:
    history = [without(message, _REPEATED) for message in objects(value["history"])]
    name = nested(value, "info", "instance_id") or value.get("instance_id")
    return Record(
        task=first_user_text(history),
        group=None if name is None else str(name),
        attempt={
            "messages": history,
            "metadata": without(value, ("history", *_REPEATED)),
        },
        left_out=_REPEATED,
    )


def _reward(_value: Json) -> float | None:
    """None: whether the issue is resolved stands in the report of another program."""
    return None


SWE_AGENT = Form("SWE-agent trajectory", _matches, _read, _reward)
