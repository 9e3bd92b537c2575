"""One reader of completions: whatever shape they come in."""

from __future__ import annotations

import pytest

from server.learning.models import Reply, Unusable
from server.learning.models.completions import NoCompletionError, read_reply
from server.learning.models.standard_form import in_standard_form

THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]}]


def completion(message: object, finish: object = "stop", **more: object) -> dict[str, object]:
    native = {"native_finish_reason": more.pop("native_finish_reason", None)}
    return {"choices": [{"message": message, "finish_reason": finish, **native}], **more}


# What comes, the answer, and the reasoning that is kept.
READ = (
    (completion({"content": "4"}), "4", ""),
    (completion({"content": [{"type": "text", "text": "It is "}, {"text": "4"}]}), "It is 4", ""),
    (completion({"content": [*THINKING, {"type": "text", "text": "4"}]}), "4", "Two and two."),
    (completion({"content": ["4"]}), "4", ""),
    (completion({"content": {"type": "output_text", "text": "4"}}), "4", ""),
    (completion({"content": [[["4"]]]}), "4", ""),
    (completion({"content": {"it": "4"}}), '{"it": "4"}', ""),
    (completion({"content": 4}), "4", ""),
    (completion("4"), "4", ""),
    (completion({"content": "4"}, error={"code": 0, "message": ""}), "4", ""),
    (completion({"content": "4", "reasoning_content": "hm"}), "4", "hm"),
    (
        completion({"content": "4", "reasoning": "hm", "reasoning_details": [{"text": "hm"}]}),
        "4",
        "hm",
    ),
    (completion({"content": "4", "reasoning": {"summary": [{"text": "hm"}]}}), "4", "hm"),
    (completion({"content": "4", "thinking": "hm"}), "4", "hm"),
    (completion({"content": None, "reasoning_content": "It is 4"}), "It is 4", ""),
    (completion({"content": "", "reasoning": "It is 4"}, "end_turn"), "It is 4", ""),
    (completion({"content": "<think>hm</think>\n\n4"}), "4", "hm"),
    (completion({"content": "hm</think>4"}, None), "4", "hm"),
    (completion({"content": "4", "tool_calls": [], "refusal": None}), "4", ""),
    (completion({"content": "4", "tool_calls": None}, "COMPLETE"), "4", ""),
    ({"choices": [{"text": "4", "finish_reason": "stop"}]}, "4", ""),
    ({"choices": [{"delta": {"content": "4"}}]}, "4", ""),
    (completion({"content": "half \ud83d"}), "half ?", ""),
)
CALL = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
CUT = {"prompt_tokens": 9, "completion_tokens": 1024}
UNUSABLE = (
    (completion({"content": "It is"}, "length", usage=CUT), "cut", "cut at 1,024 tokens"),
    (completion({"content": "It is"}, "MAX_TOKENS"), "cut", "cut at the token limit"),
    (completion({"content": "It"}, "model_context_window_exceeded"), "cut", "at the token limit"),
    (completion({"content": "It"}, None, native_finish_reason="length"), "cut", "token limit"),
    (completion({"content": None, "reasoning": "hm"}, "length"), "cut", "nothing but reasoning"),
    (completion({"content": "<think>hm"}, "length"), "cut", "nothing but reasoning"),
    (completion({"content": None}), "empty", "the answer is empty"),
    (completion({"content": " \n"}), "empty", "the answer is empty"),
    (completion({"content": []}), "empty", "the answer is empty"),
    (completion({}), "empty", "the answer is empty"),
    (completion({"content": "[THINK]It is 4[/THINK]"}), "empty", "there is only reasoning"),
    (completion({"content": None, "refusal": "I can't"}), "refusal", "refused to answer: I can't"),
    (completion({"content": [{"type": "refusal", "refusal": "No"}]}), "refusal", "answer: No"),
    (completion({"content": ""}, "refusal"), "refusal", "the model refused"),
    (completion({"content": ""}, "content_filter"), "filtered", "content filter withheld"),
    (completion({"content": "It is"}, "SAFETY"), "filtered", "content filter withheld"),
    (completion({"content": None, "tool_calls": CALL}, "tool_calls"), "tool_call", "('look')"),
    (completion({"content": "I'll look.", "tool_calls": CALL}), "tool_call", "('look')"),
    (completion({"content": None, "function_call": {"name": "f"}}), "tool_call", "('f')"),
    (completion({"content": '<tool_call>{"name": "f"}</tool_call>'}), "tool_call", "('f')"),
)
EMPTY: dict[str, object] = {}
NOTHING: tuple[tuple[object, str], ...] = (
    (EMPTY, "no choices, but nothing"),
    ({"choices": None}, "choices is null"),
    ({"choices": []}, "choices is empty"),
    ({"choices": {"0": "4"}}, "choices is an object"),
    ({"choices": [EMPTY]}, "first choice has no message"),
    ({"choices": [{"message": None}]}, "first choice has no message"),
    ({"id": "x", "result": "4"}, "no choices, but id, result"),
    ([1], "not a chat completion but a list"),
    (None, "not a chat completion but null"),
    ("Please log in", "not a chat completion but text: 'Please log in'"),
    ({"error": "model is loading"}, "model is loading"),
    ({"detail": "no"}, "no"),
    (completion({"content": ""}, "error"), "an error, without a message"),
    (completion({"content": "half"}, "insufficient_system_resource"), "without a message"),
    ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "insufficient"),
    ({"code": 1113, "msg": "Your account is in arrears"}, "in arrears"),
    ({"choices": [{"message": {"content": ""}, "error": {"message": "gone"}}]}, "gone"),
)
USAGE = (
    ({"prompt_tokens": 9, "completion_tokens": 4}, (9, 0, 4)),
    ({"input_tokens": 9, "output_tokens": 4}, (9, 0, 4)),
    ({"prompt_tokens": "9", "completion_tokens": 4.0}, (9, 0, 4)),
    ({"prompt_tokens": 9, "total_tokens": 13}, (9, 0, 4)),
    ({"promptTokens": 9, "completionTokens": 4}, (9, 0, 4)),
    ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 5}, (9, 5, 4)),
    (
        {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 5}},
        (9, 5, 4),
    ),
    (
        {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 99},
        },
        (9, 9, 4),
    ),
    ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None}, (9, 0, 4)),
)
NO_USAGE: tuple[object, ...] = (
    None,
    [],
    "9",
    {},
    {"prompt_tokens": 9},
    {"prompt_tokens": -1, "completion_tokens": 4},
)


def read(body: object) -> Reply:
    return read_reply(in_standard_form(body), "asked", None)


def test_answers_are_read_whatever_their_shape() -> None:
    for body, text, reasoning in READ:
        reply = read(body)
        assert (reply.text, reply.reasoning, reply.unusable) == (text, reasoning, None), body


def test_what_is_no_answer_is_named() -> None:
    for body, kind, reason in UNUSABLE:
        unusable = read(body).unusable
        assert isinstance(unusable, Unusable), body
        assert unusable.kind == kind, body
        assert reason in unusable.reason, body


def test_what_is_no_completion_is_an_error_that_says_what_came() -> None:
    for body, said in NOTHING:
        with pytest.raises(NoCompletionError) as caught:
            read(body)
        assert said in str(caught.value), body


def test_tokens_are_read_under_any_name() -> None:
    for usage, (prompt, cached, wrote) in USAGE:
        reply = read(completion({"content": "4"}, usage=usage))
        used = reply.usage
        counted = (used.prompt_tokens, used.cached_tokens, used.completion_tokens)
        assert (counted, reply.estimated) == ((prompt, cached, wrote), False), usage
    for usage in NO_USAGE:
        assert read(completion({"content": "4"}, usage=usage)).estimated, usage
