"""Names of arguments: as clients write them, add them and misspell them.

Agents and their frameworks pass more than a tool asks for (`toolCallId`, `sessionId`), and that
must not fail a call. But a name that is close to one of the tool's, or belongs elsewhere in the
call, carries something that the caller wants to say, and is refused with where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from experience_store.errors import BadInputError
from experience_store.submissions.forms.fields import snake_case
from experience_store.submissions.forms.values import from_json_text, is_empty, is_object, words

MAX_HINTED = 80  # characters of an unknown name, which is compared with the known ones
_SIMILAR = 0.65
_MISSPELT = 0.8  # as a field of a trajectory, which most names of clients are not

_ADDED_BY_CLIENTS = words(
    "_meta action agent_id call_id chat_id chat_input client_id conversation_id cwd "
    "execution_id invocation_id message_id meta method progress_token random_string "
    "request_context request_id run_id server server_name session_id signal thread_id timestamp "
    "tool tool_call tool_call_id tool_id tool_name tool_use_id trace_id turn_id type user_id "
    "workflow_id"
)
_OPTIONAL = words("after ground_truth group_id library max_tokens")
_WRAPPERS = words("args arguments body data input kwargs params parameters payload tool_input")
_OTHER_NAMES = {
    "task": "input instruction objective problem prompt query question request tasks text",
    "library": "collection lib libraries library_name namespace",
    "max_tokens": "budget limit token_budget tokens",
    "trajectories": "attempt attempts rollout rollouts runs samples trajectory trajs",
    "ground_truth": "expected gold label reference solution target truth",
    "group_id": "group",
    "update_id": "update",
    "answers": "answer response responses",
    "after": "cursor page",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call.

    Attributes:
        known: Those that the tool has, by its own names.
        ignored: Names of those that nothing is known about.
    """

    known: dict[str, object]
    ignored: Sequence[str] = ()


def read_arguments(
    tool: str, given: Mapping[str, object], known: Sequence[str], *, strict: bool
) -> Arguments:
    """The arguments of a call under the tool's own names.

    Args:
        tool: Name of the tool.
        given: As the client sent them.
        known: Names of the tool's arguments.
        strict: Whether unknown arguments are refused that no client is known to add.

    Raises:
        BadInputError: If an unknown argument may be meant; says which, or where it belongs.
    """
    given = _unwrapped(given, known)
    named = {n: value for n, value in given.items() if n in known and not _is_left_out(n, value)}
    ignored: list[str] = []
    for written, value in given.items():
        if written in known:
            continue
        name = snake_case(written[:MAX_HINTED])
        if name in known and is_empty(named.get(name)):
            named[name] = value
        elif is_empty(value) or (name in _ADDED_BY_CLIENTS and name not in known):
            continue
        elif (hint := _hint(name, known)) or strict:
            raise BadInputError(
                f"{tool} has no argument {written[:MAX_HINTED]!r}{hint or '.'} "
                f"Arguments: {', '.join(known)}"
            )
        else:
            ignored.append(written[:MAX_HINTED])
    return Arguments(named, ignored)


def _unwrapped(given: Mapping[str, object], known: Sequence[str]) -> Mapping[str, object]:
    """The arguments, also if all of them stand in one object, perhaps as JSON text."""
    if any(snake_case(name) in known for name in given):
        return given
    for name, value in given.items():
        inner = from_json_text(value) if snake_case(name) in _WRAPPERS else None
        if is_object(inner) and any(snake_case(str(n)) in known for n in inner):
            return {**{n: v for n, v in given.items() if n != name}, **inner}
    return given


def _is_left_out(name: str, value: object) -> bool:
    """Whether an argument that need not be given is null or blank, as models write it then."""
    return name in _OPTIONAL and (value is None or (isinstance(value, str) and not value.strip()))


def _hint(name: str, known: Sequence[str]) -> str:
    """Where an argument belongs, or the name that was probably meant; empty if neither is clear."""
    if "trajectories" in known:
        from experience_store.submissions.read_submission import meant_field  # noqa: PLC0415  # not before it is needed: start-up

        if field := meant_field(name, cutoff=_MISSPELT):
            place = f", as {field!r}" if field != name else ""
            return f": it belongs in each trajectory{place}."
    other = next((k for k in known if name in _OTHER_NAMES.get(k, "").split()), None)
    meant = other or next(iter(get_close_matches(name, known, n=1, cutoff=_SIMILAR)), None)
    return f". Did you mean {meant!r}?" if meant else ""
