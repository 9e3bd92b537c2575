"""The short cut for plain messages gives what the general reader gives."""

from __future__ import annotations

from itertools import product

from experience_store.submissions.forms.chat import read_chat
from experience_store.submissions.forms.plain import read_plain

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ODD = {"id": "c", "type": "function", "function": {"name": " f", "arguments": {"a": 1}}}


def test_both_readers_agree() -> None:
    taken = 0
    for role, content, name, id_, calls in product(
        ["user", "tool", "USER"],
        ["a", "", "\ud800", None, ["a"], 3],
        ["n", " n ", "", None, 7],
        ["c", 7, None],
        [None, [], [CALL], [CALL, {**CALL, "id": "d"}], [CALL, CALL], [ODD], [{"id": "c"}], CALL],
    ):
        message: dict[str, object] = {
            "role": role,
            "content": content,
            "name": name,
            "tool_call_id": id_,
            "tool_calls": calls,
        }
        read = read_plain(message)
        if read is not None:
            taken += 1
            assert read_chat(message) == (read,)
    assert taken > 50
    assert read_plain({"role": "user", "content": "a", "contnt": "b"}) is None
