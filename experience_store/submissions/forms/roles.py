"""Who speaks: the known roles and their other names."""

from __future__ import annotations

from experience_store.submissions.forms.fields import snake_case
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_name,
    at,
    is_object,
    words,
)

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
CALL_ROLES = frozenset({"function_call", "tool_call"})  # the content is the call
_SAID = words("content parts tool_calls")
_MAX_SHOWN = 40
_OTHER_NAMES = {
    "user": "client customer end_user human input person prompter requester",
    "assistant": "ai agent bot chatbot chatgpt claude copilot function_call gemini gpt llm model "
    "output tool_call",
    "tool": "environment exit function_call_output function_response function_result ipython "
    "observation tool_output tool_response tool_result tool_results tools",
    "system": "instruction instructions sys system_prompt",
}
_BY_NAME = {
    **{role: role for role in ROLES},
    **{other: role for role, others in _OTHER_NAMES.items() for other in others.split()},
}


def plain_role(value: object) -> str:
    """A role in lower case, with underscores; of `MessageRole.USER` and `AIMessageChunk`, too."""
    name = snake_case((_written(value) or "").rsplit(".", 1)[-1])
    name = name.replace("-", "_").replace(" ", "_").removesuffix("chunk").rstrip("_")
    return name.removesuffix("message").rstrip("_:")


def _written(value: object) -> str | None:
    """A role as it was written, also in an object of its own, as Semantic Kernel has it."""
    if is_object(value):
        named = {n: v for n, v in value.items() if (n, v) != ("type", "role")}
        value = next(iter(named.values())) if len(named) == 1 else value
    with at("role"):
        return as_name(value)


def is_role(name: str) -> bool:
    """Whether it is a role, or another name of one."""
    return plain_role(name) in _BY_NAME


def is_message(value: Json) -> bool:
    """Whether an object has a role and something that is said."""
    role = value.get("role")
    return isinstance(role, str) and is_role(role) and bool(_SAID & value.keys())


def role_of(value: object, field: str = "role") -> str:
    """The known role that is meant.

    Args:
        value: The role as it was written.
        field: Name of the field it stands in.

    Raises:
        UnreadableError: If it is unknown or missing.
    """
    role = _BY_NAME.get(plain_role(value))
    if role is None:
        given = _written(value)
        what = f"{given[:_MAX_SHOWN]!r} is unknown" if given else "is missing"
        raise UnreadableError(f"{what}; use one of {', '.join(ROLES)}", field)
    return role
