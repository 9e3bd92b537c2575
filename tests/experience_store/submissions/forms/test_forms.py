"""One case a form: what is stored of it, whole."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import UnreadableError
from experience_store.trajectory import Message, ToolCall

ASK = "Cancel ABC."
SEEN = '{"booked": "3 days ago"}'
ARGUMENTS = '{"id": "ABC"}'
ID = {"id": "ABC"}
SUMMARY = {"type": "summary_text", "text": "Look."}
TEXT = {"type": "text", "text": "x"}
RULES = {"type": "text", "media_type": "text/plain", "data": "The rules."}
VALUE = {"value": "x", "annotations": None}
BOOKED = {"booked": "3 days ago"}
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
)
IMAGE = "data:image/png;base64,AAAA"


def user(text: str = ASK) -> Message:
    return Message("user", text)


def said(text: str) -> Message:
    return Message("assistant", text)


def called(id_: str | None = "c1", text: str = "", name: str = "look") -> Message:
    return Message("assistant", text, (ToolCall(name, ARGUMENTS, id_),))


def returned(id_: str | None = "c1", name: str | None = None, text: str = SEEN) -> Message:
    return Message("tool", text, name=name, tool_call_id=id_)


FORMS: dict[str, tuple[Sequence[object], Sequence[Message]]] = {
    "OpenAI chat": (
        [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": ASK}, "Please."], "name": "Ann"},
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "look", "arguments": ARGUMENTS},
                    },
                    {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
                ],
            },
            {"role": "tool", "content": SEEN, "tool_call_id": "c1", "name": "look"},
            {"role": "assistant", "content": "Sorry.", "refusal": "I cannot.", "weight": 1},
        ],
        [
            Message("developer", "Be brief."),
            Message("user", f"{ASK}\nPlease.", name="Ann"),
            Message(
                "assistant",
                "",
                (ToolCall("look", ARGUMENTS, "c1"), ToolCall("sql", "SELECT 1", "c2")),
            ),
            returned(name="look"),
            said("Sorry.\nI cannot."),
        ],
    ),
    "OpenAI chat, legacy": (
        [
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "look", "arguments": ARGUMENTS},
            },
            {"role": "function", "name": "look", "content": SEEN},
        ],
        [called(None), Message("function", SEEN, name="look")],
    ),
    "OpenAI media": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": IMAGE}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "audio": {"id": "a1", "expires_at": 1, "data": "AAAA", "transcript": "Done."},
            },
        ],
        [
            user("[image_url]\n[image_url: https://a.b/c.png]\n[input_audio]\n[file: a.pdf]"),
            said("[audio: Done.]"),
        ],
    ),
    "reasoning beside the content": (
        [
            {"role": "assistant", "reasoning_content": "Hm.", "content": "Yes."},
            {
                "role": "assistant",
                "reasoning": "Hm.",
                "reasoning_content": "Hm.",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "x"},
                    {"type": "reasoning.encrypted", "data": "gAAA"},
                ],
                "content": "Yes.",
            },
            {
                "role": "assistant",
                "content": "Yes.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
            },
        ],
        [
            said("Hm.\nYes."),
            said("Hm.\nHm.\nformat: x\n[reasoning.encrypted]\nYes."),
            said("Hm.\nYes."),
        ],
    ),
    "OpenAI Responses": (
        [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Look."}],
            },
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"},
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c1",
                "name": "look",
                "arguments": ARGUMENTS,
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "c1", "output": SEEN},
            {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "SELECT 1"},
            {
                "type": "custom_tool_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "1"}],
            },
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {"type": "search", "query": "fares"},
            },
            {
                "type": "code_interpreter_call",
                "id": "ci_1",
                "code": "1+1",
                "outputs": [{"type": "logs", "logs": "2"}],
            },
            {
                "type": "mcp_call",
                "id": "m1",
                "name": "look",
                "arguments": ARGUMENTS,
                "output": SEEN,
            },
            {"type": "image_generation_call", "id": "i1", "result": PICTURE},
            {
                "type": "computer_call_output",
                "call_id": "c3",
                "output": {"type": "text", "text": "x"},
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "Too old.", "annotations": [], "logprobs": []},
                    {"type": "refusal", "refusal": "I cannot."},
                ],
            },
        ],
        [
            said("Look."),
            said("[reasoning]"),
            called(),
            returned(),
            Message("assistant", "", (ToolCall("sql", "SELECT 1", "c2"),)),
            returned("c2", text="1"),
            Message(
                "assistant",
                "",
                (
                    ToolCall(
                        "web_search", '{"action": {"type": "search", "query": "fares"}}', "ws_1"
                    ),
                ),
            ),
            Message("assistant", "", (ToolCall("code_interpreter", '{"code": "1+1"}', "ci_1"),)),
            returned("ci_1", "code_interpreter", '[{"type": "logs", "logs": "2"}]'),
            called("m1"),
            returned("m1", "look"),
            Message("assistant", "", (ToolCall("image_generation", "{}", "i1"),)),
            returned("i1", "image_generation", "[image]"),
            returned("c3", text="x"),
            said("Too old.\nI cannot."),
        ],
    ),
    "Anthropic": (
        [
            {
                "role": "assistant",
                "id": "msg_1",
                "type": "message",
                "model": "m",
                "stop_reason": "tool_use",
                "usage": {"input_tokens": 1},
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "redacted_thinking", "data": "gAAA"},
                    {"type": "text", "text": "I look.", "citations": None},
                    {"type": "tool_use", "id": "c1", "name": "look", "input": ID},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": BOOKED,
                        "is_error": False,
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": [
                            {"type": "text", "text": "A"},
                            {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                        ],
                    },
                    {"type": "tool_result", "tool_use_id": "c3"},
                    {
                        "type": "document",
                        "source": {
                            "type": "text",
                            "media_type": "text/plain",
                            "data": "The rules.",
                        },
                        "cache_control": {"type": "ephemeral"},
                    },
                    {"type": "text", "text": "Go on."},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": ID},
                    {
                        "type": "web_search_tool_result",
                        "tool_use_id": "s1",
                        "content": [
                            {
                                "type": "web_search_result",
                                "title": "Fares",
                                "url": "https://a.b",
                                "encrypted_content": "gAAA",
                            }
                        ],
                    },
                    {"type": "text", "text": "Found."},
                ],
            },
        ],
        [
            called("c1", "Hm.\n[redacted_thinking]\nI look."),
            returned(),
            returned("c2", text="A\n[image]"),
            returned("c3", text=""),
            user("[document: The rules.]\nGo on."),
            called("s1", name="web_search"),
            returned(
                "s1", text='[{"type": "web_search_result", "title": "Fares", "url": "https://a.b"}]'
            ),
            said("Found."),
        ],
    ),
    "Gemini": (
        [
            {"role": "user", "parts": [{"text": ASK}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"functionCall": {"name": "look", "args": ID}, "thoughtSignature": "s"},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": BOOKED}}]},
            {
                "role": "model",
                "parts": [
                    {"executable_code": {"language": "PYTHON", "code": "1+1"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"text": "Too old."},
                ],
            },
            {"role": "model", "parts": "Bye."},
        ],
        [
            user(),
            called(None, "Hm."),
            returned(None, "look"),
            Message(
                "assistant",
                "",
                (ToolCall("code_execution", '{"language": "PYTHON", "code": "1+1"}'),),
            ),
            returned(None, "code_execution", '{"outcome": "OUTCOME_OK", "output": "2"}'),
            said("[inline_data]\nToo old."),
            said("Bye."),
        ],
    ),
    "Bedrock Converse": (
        [
            {"role": "user", "content": [{"text": ASK}, {"cachePoint": {"type": "default"}}]},
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
                    {"toolUse": {"toolUseId": "c1", "name": "look", "input": ID}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "c1",
                            "content": [{"json": BOOKED}, {"text": "as of now"}],
                            "status": "success",
                        }
                    },
                    {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                ],
            },
        ],
        [user(), called("c1", "Hm."), returned(text=f"{SEEN}\nas of now"), user("[image]")],
    ),
    "Vercel UI message": (
        [
            {
                "id": "m2",
                "role": "assistant",
                "metadata": {"createdAt": 1},
                "parts": [
                    {"type": "step-start"},
                    {"type": "reasoning", "text": "Hm.", "state": "done"},
                    {
                        "type": "tool-look",
                        "toolCallId": "c1",
                        "state": "output-available",
                        "input": ID,
                        "output": BOOKED,
                    },
                    {
                        "type": "dynamic-tool",
                        "toolName": "look",
                        "toolCallId": "c2",
                        "state": "output-error",
                        "input": ID,
                        "errorText": "down",
                    },
                    {"type": "step-start"},
                    {"type": "text", "text": "Too old.", "state": "done"},
                    {"type": "source-url", "sourceId": "s", "url": "https://a.b"},
                    {"type": "data-weather", "data": {"sky": "blue"}},
                ],
            }
        ],
        [
            called("c1", "Hm."),
            returned(name="look"),
            called("c2"),
            returned("c2", "look", "error: down"),
            said(
                'Too old.\n[source-url] {"sourceId": "s", "url": "https://a.b"}\n'
                '[data-weather] {"data": {"sky": "blue"}}'
            ),
        ],
    ),
    "Vercel message of version 4": (
        [
            {
                "role": "assistant",
                "content": "Too old.",
                "toolInvocations": [
                    {
                        "state": "result",
                        "toolCallId": "c1",
                        "toolName": "look",
                        "args": ID,
                        "result": BOOKED,
                    }
                ],
                "parts": [
                    {
                        "type": "tool-invocation",
                        "toolInvocation": {
                            "state": "call",
                            "toolCallId": "c1",
                            "toolName": "look",
                            "args": ID,
                        },
                    },
                    {"type": "text", "text": "Too old."},
                ],
            }
        ],
        [called("c1", "Too old."), returned(name="look")],
    ),
    "Vercel model message": (
        [
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "reasoning",
                        "text": "Hm.",
                        "providerOptions": {"google": {"thoughtSignature": "s"}},
                    },
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "look", "input": ID},
                    {"type": "tool-call", "toolCallId": "c2", "toolName": "look", "args": ID},
                ],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "toolName": "look",
                        "output": {"type": "json", "value": BOOKED},
                    },
                    {"type": "tool-result", "toolCallId": "c2", "toolName": "look", "result": "x"},
                    {
                        "type": "tool-result",
                        "toolCallId": "c3",
                        "toolName": "look",
                        "output": {"type": "error-text", "value": "down"},
                    },
                ],
            },
        ],
        [
            Message(
                "assistant",
                "Hm.",
                (ToolCall("look", ARGUMENTS, "c1"), ToolCall("look", ARGUMENTS, "c2")),
            ),
            returned("c1", "look"),
            returned("c2", "look", "x"),
            returned("c3", "look", "down"),
        ],
    ),
    "LangChain": (
        [
            {"type": "human", "content": ASK, "additional_kwargs": {}, "example": False},
            {
                "type": "ai",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "look", "input": ID},
                ],
                "tool_calls": [{"name": "look", "args": ID, "id": "c1", "type": "tool_call"}],
                "invalid_tool_calls": [
                    {"name": "look", "args": "{", "id": "c2", "error": "not JSON"}
                ],
                "response_metadata": {"finish_reason": "stop"},
                "usage_metadata": None,
            },
            {
                "type": "tool",
                "content": SEEN,
                "tool_call_id": "c1",
                "artifact": None,
                "status": "success",
            },
            ["human", "Well?"],
        ],
        [
            user(),
            Message(
                "assistant",
                "I look.",
                (ToolCall("look", ARGUMENTS, "c1"), ToolCall("look", "{", "c2")),
            ),
            returned("c2", "look", "not JSON"),
            returned(),
            user("Well?"),
        ],
    ),
    "LangChain, as data": (
        [
            {"type": "human", "data": {"content": ASK, "type": "human"}},
            {
                "type": "ai",
                "data": {
                    "content": "",
                    "additional_kwargs": {
                        "tool_calls": [
                            {
                                "id": "c1",
                                "type": "function",
                                "function": {"name": "look", "arguments": ARGUMENTS},
                            }
                        ],
                        "reasoning_content": "Hm.",
                        "parsed": {"a": "b"},
                    },
                },
            },
        ],
        [user(), called("c1", 'Hm.\nadditional_kwargs: {"parsed": {"a": "b"}}')],
    ),
    "LangChain, serialised": (
        [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", "AIMessage"],
                "kwargs": {
                    "content": "I look.",
                    "type": "ai",
                    "tool_calls": [{"name": "look", "args": ID, "id": "c1"}],
                    "additional_kwargs": {
                        "tool_calls": [
                            {"id": "c1", "function": {"name": "look", "arguments": ARGUMENTS}}
                        ]
                    },
                },
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", "ToolMessage"],
                "kwargs": {"content": SEEN, "tool_call_id": "c1", "artifact": {"row": 7}},
            },
        ],
        [called("c1", "I look."), returned(text=f'{SEEN}\n{{"row": 7}}')],
    ),
    "Mistral": (
        [
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "Hm."}],
                        "closed": True,
                    },
                    {"type": "text", "text": "Yes."},
                ],
                "prefix": False,
            }
        ],
        [said("Hm.\nYes.")],
    ),
    "Cohere": (
        [
            {
                "role": "assistant",
                "tool_plan": "I look.",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "look", "arguments": ARGUMENTS},
                    }
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "document", "document": {"data": SEEN}}],
            },
            {"role": "USER", "message": ASK},
            {"role": "CHATBOT", "message": "", "tool_calls": [{"name": "look", "parameters": ID}]},
            {
                "role": "TOOL",
                "tool_results": [{"call": {"name": "look", "parameters": ID}, "outputs": [BOOKED]}],
            },
        ],
        [
            called("c1", "I look."),
            returned(text=f"[document: {SEEN}]"),
            user(),
            called(None),
            returned(
                None,
                text='{"call": {"name": "look", "parameters": {"id": "ABC"}}, '
                '"outputs": [{"booked": "3 days ago"}]}',
            ),
        ],
    ),
    "Ollama": (
        [
            {"role": "user", "content": ASK, "images": [PICTURE]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "Hm.",
                "tool_calls": [{"function": {"name": "look", "arguments": ID, "index": 0}}],
            },
            {"role": "tool", "tool_name": "look", "content": SEEN},
        ],
        [user(f"{ASK}\n[images]"), called(None, "Hm."), returned(None, "look")],
    ),
    "Pydantic AI": (
        [
            {
                "kind": "request",
                "instructions": "Be brief.",
                "parts": [
                    {"part_kind": "system-prompt", "content": "Help.", "dynamic_ref": None},
                    {
                        "part_kind": "user-prompt",
                        "timestamp": "2026-01-01",
                        "content": [ASK, {"kind": "image-url", "url": "https://a.b/c.png"}],
                    },
                ],
            },
            {
                "kind": "response",
                "model_name": "m",
                "usage": {"input_tokens": 1},
                "parts": [
                    {"part_kind": "thinking", "content": "Hm.", "signature": None},
                    {"part_kind": "text", "content": "I look."},
                    {
                        "part_kind": "tool-call",
                        "tool_name": "look",
                        "args": ARGUMENTS,
                        "tool_call_id": "c1",
                    },
                ],
            },
            {
                "kind": "request",
                "instructions": None,
                "parts": [
                    {
                        "part_kind": "tool-return",
                        "tool_name": "look",
                        "content": BOOKED,
                        "tool_call_id": "c1",
                        "outcome": "success",
                    },
                    {"part_kind": "retry-prompt", "content": "Try again.", "tool_name": None},
                ],
            },
        ],
        [
            Message("system", "Be brief."),
            Message("system", "Help."),
            user(f"{ASK}\n[image-url: https://a.b/c.png]"),
            called("c1", "Hm.\nI look."),
            returned(name="look"),
            user("Try again."),
        ],
    ),
    "ShareGPT": (
        [
            {"from": "system", "value": "Help."},
            {"from": "human", "value": ASK},
            {"from": "function_call", "value": '{"name": "look", "arguments": {"id": "ABC"}}'},
            {"from": "observation", "value": SEEN},
            {"from": "gpt", "value": "Too old.", "weight": 1},
        ],
        [Message("system", "Help."), user(), called(None), returned(None), said("Too old.")],
    ),
    "Codex": (
        [
            {
                "timestamp": "2026-01-01T00:00:00Z",
                "type": "response_item",
                "payload": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": ASK}],
                },
            },
            {
                "timestamp": "2026-01-01T00:00:01Z",
                "type": "response_item",
                "payload": {
                    "type": "function_call",
                    "name": "look",
                    "arguments": ARGUMENTS,
                    "call_id": "c1",
                },
            },
        ],
        [user(), called()],
    ),
    "Mistral's conversations and Gemini's interactions": (
        [
            {"object": "entry", "type": "message.input", "role": "user", "content": ASK},
            {
                "object": "entry",
                "type": "function.call",
                "tool_call_id": "c1",
                "name": "look",
                "arguments": ARGUMENTS,
            },
            {"object": "entry", "type": "function.result", "tool_call_id": "c1", "result": SEEN},
            {"object": "entry", "type": "tool.execution", "name": "look", "arguments": ARGUMENTS},
            {"type": "thought", "summary": [TEXT], "signature": "abc"},
            {"type": "function_result", "call_id": "c1", "name": "look", "result": SEEN},
        ],
        [
            user(),
            called(),
            returned(),
            called(None),
            said("x"),
            returned("c1", "look"),
        ],
    ),
    "Microsoft's Agent Framework": (
        [
            {
                "type": "chat_message",
                "role": {"type": "role", "value": "assistant"},
                "contents": [
                    {"type": "text_reasoning", "text": "Hm."},
                    {
                        "type": "function_call",
                        "call_id": "c1",
                        "name": "look",
                        "arguments": ARGUMENTS,
                    },
                ],
            },
        ],
        [called(text="Hm.")],
    ),
    "smolagents": (
        [
            {"role": "tool-call", "content": [{"type": "text", "text": "Calling tools: look"}]},
            {"role": "tool-response", "content": [{"type": "text", "text": SEEN}]},
        ],
        [said("Calling tools: look"), returned(None)],
    ),
    "tau2-bench and Inspect": (
        [
            {
                "role": "assistant",
                "content": None,
                "turn_idx": 2,
                "tool_calls": [
                    {"id": "c1", "name": "look", "arguments": ID, "requestor": "assistant"}
                ],
            },
            {
                "role": "assistant",
                "source": "generate",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "function": "look", "arguments": ID, "type": "function"}
                ],
            },
            {
                "role": "tool",
                "function": "look",
                "tool_call_id": "c1",
                "content": "",
                "error": {"type": "timeout", "message": "too slow"},
            },
        ],
        [
            called(),
            called(),
            returned(name="look", text='error: {"type": "timeout", "message": "too slow"}'),
        ],
    ),
    "LlamaIndex, Semantic Kernel and Microsoft's AI extensions": (
        [
            {
                "role": "user",
                "additional_kwargs": {},
                "blocks": [{"block_type": "text", "text": ASK}],
            },
            {"role": "user", "items": [{"content_type": "text", "text": ASK}]},
            {
                "role": "assistant",
                "contents": [
                    {"$type": "functionCall", "callId": "c1", "name": "look", "arguments": ID}
                ],
            },
            {
                "role": "tool",
                "contents": [{"$type": "functionResult", "callId": "c1", "result": BOOKED}],
            },
        ],
        [user(), user(), called(), returned()],
    ),
    "fields of an API, passed on": (
        [
            {
                "role": "assistant",
                "content": "I look.",
                "additional_kwargs": {
                    "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": ID}}],
                    "refusal": None,
                },
                "provider_specific_fields": {
                    "thinking_blocks": [{"type": "thinking", "thinking": "Hm."}],
                    "other": "more",
                },
            }
        ],
        [called("c1", 'Hm.\nI look.\nprovider_specific_fields: {"other": "more"}')],
    ),
    "OpenHands": (
        [
            {
                "id": 0,
                "source": "user",
                "action": "message",
                "args": {"content": ASK, "image_urls": None, "wait_for_response": False},
                "message": ASK,
            },
            {
                "id": 1,
                "source": "agent",
                "action": "look",
                "args": {"id": "ABC", "thought": "Hm."},
                "message": "Looking",
                "tool_call_metadata": {"tool_call_id": "c1"},
            },
            {
                "id": 2,
                "source": "agent",
                "cause": 1,
                "observation": "look",
                "content": SEEN,
                "extras": {"exit": 0},
            },
            {"source": "agent", "action": "finish", "args": {"outputs": {}, "thought": "Done."}},
        ],
        [
            user(),
            called("c1", "Looking\nHm."),
            returned(None, "look", f'{SEEN}\n{{"exit": 0}}'),
            said("Done."),
        ],
    ),
    "OpenHands SDK": (
        [
            {
                "kind": "SystemPromptEvent",
                "source": "agent",
                "system_prompt": {"type": "text", "text": "Help."},
                "tools": [],
            },
            {
                "kind": "MessageEvent",
                "source": "user",
                "sender": None,
                "llm_message": {"role": "user", "content": [{"type": "text", "text": ASK}]},
            },
            {
                "kind": "ActionEvent",
                "source": "agent",
                "thought": [{"type": "text", "text": "Looking"}],
                "reasoning_content": "Hm.",
                "action": {"kind": "LookAction", "id": "ABC"},
                "tool_name": "look",
                "tool_call_id": "c1",
                "tool_call": {"id": "c1", "name": "look", "arguments": ID},
            },
            {
                "kind": "ObservationEvent",
                "source": "environment",
                "observation": {"kind": "Seen", "content": [{"type": "text", "text": SEEN}]},
                "tool_name": "look",
                "tool_call_id": "c1",
            },
            {"kind": "AgentErrorEvent", "source": "agent", "error": "down", "tool_name": "look"},
            {"kind": "StateEvent", "source": "environment", "key": "status", "value": "stuck"},
        ],
        [
            Message("system", "Help."),
            user(),
            called("c1", "Hm.\nLooking"),
            returned("c1", "look"),
            returned(None, "look", "error: down"),
            Message(
                "system",
                json.dumps(
                    {
                        "kind": "StateEvent",
                        "source": "environment",
                        "key": "status",
                        "value": "stuck",
                    }
                ),
            ),
        ],
    ),
    "failed calls": (
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": "down",
                        "is_error": True,
                    },
                    {"toolResult": {"toolUseId": "c2", "content": [], "status": "error"}},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c3",
                        "content": "Error: down",
                        "is_error": True,
                    },
                ],
            },
            {"type": "tool", "content": "down", "tool_call_id": "c4", "status": "error"},
            {"role": "tool", "content": "Error: down", "status": "error"},
        ],
        [
            returned("c1", text="error: down"),
            returned("c2", text="error: "),
            returned("c3", text="Error: down"),
            returned("c4", text="error: down"),
            returned(None, text="Error: down"),
        ],
    ),
    "citations": (
        [
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "A", "citations": [{"cited_text": "B"}]}],
                "search_results": [{"title": "C"}],
            },
        ],
        [said('A\ncitations: [{"cited_text": "B"}]\nsearch_results: [{"title": "C"}]')],
    ),
    "odd values": (
        [
            {"role": "assistant", "tool_calls": {"id": 7, "name": " look ", "arguments": ID}},
            {"role": "tool", "tool_call_id": 7, "content": BOOKED},
            {"role": "tool", "content": 3},
            {"role": "tool", "content": [{"row": 1}, {"row": 2}]},
            {"role": "tool", "content": False},
            {"role": "tool", "content": None, "name": None},
            {"role": "tool", "content": "", "exit_code": 0},
            {"role": "tool", "content": {"type": "function", "name": "f"}, "usage": "f of x"},
            {
                "role": "assistant",
                "tool_calls": '[{"name": "a", "args": null}, {"name": null}, null]',
            },
            {"role": ["assistant"], "content": "hi", "tool_calls": "null"},
            {"role": "assistant", "tool_calls": json.dumps(json.dumps([{"name": ["a"]}]))},
            None,
            {"role": "assistant", "tool_calls": [{"name": "a", "arguments": ""}, {"id": "x"}]},
            {"role": "assistant", "content": [None, {"type": "text", "text": "hi"}]},
            {"role": " Assistant ", "content": {"type": "text", "text": "hi"}, "toolCalls": None},
            {"role": "assistant", "content": "", "tokens": 3, "latency": 0.5, "zzz": None},
            '{"role": "user", "content": "Cancel ABC."}',
        ],
        [
            called("7"),
            returned("7"),
            returned(None, text="3"),
            returned(None, text='[{"row": 1}, {"row": 2}]'),
            returned(None, text="false"),
            returned(None, text=""),
            returned(None, text="exit_code: 0"),
            returned(None, text='{"type": "function", "name": "f"}\nusage: f of x'),
            Message("assistant", "", (ToolCall("a", "{}"), ToolCall("?", "{}"))),
            said("hi"),
            Message("assistant", "", (ToolCall("a", "{}"),)),
            Message("assistant", "", (ToolCall("a", "{}"), ToolCall("?", "{}", "x"))),
            said("hi"),
            said("hi"),
            said(""),
            user(),
        ],
    ),
    "AutoGen": (
        [
            {
                "source": "user",
                "type": "TextMessage",
                "models_usage": None,
                "metadata": {},
                "content": ASK,
            },
            {
                "source": "booker",
                "type": "ToolCallRequestEvent",
                "models_usage": {"prompt_tokens": 3},
                "content": [{"id": "c1", "name": "look", "arguments": ARGUMENTS}],
            },
            {
                "source": "booker",
                "type": "ToolCallExecutionEvent",
                "content": [{"call_id": "c1", "name": "look", "content": SEEN, "is_error": False}],
            },
            {"source": "assistant", "type": "ThoughtEvent", "content": "Hm."},
            {"source": "booker", "type": "MultiModalMessage", "content": ["See", {"data": "AAAA"}]},
            {"source": "assistant", "type": "AssistantMessage", "content": "Too old."},
            {"type": "SystemMessage", "content": "Help."},
        ],
        [
            user(),
            Message("assistant", "", (ToolCall("look", ARGUMENTS, "c1"),), name="booker"),
            returned(name="look", text=f"{SEEN}\nname: booker"),
            said("Hm."),
            Message("assistant", '["See", {"data": "AAAA"}]', name="booker"),
            said("Too old."),
            Message("system", "Help."),
        ],
    ),
    "Haystack": (
        [
            {"role": "user", "meta": {}, "name": None, "content": [{"text": ASK}]},
            {
                "_role": "assistant",
                "_name": None,
                "_meta": {"finish_reason": "tool_calls", "usage": {"total_tokens": 3}},
                "_content": [
                    {"reasoning": {"reasoning_text": "Hm.", "extra": {}}},
                    {"tool_call": {"tool_name": "look", "arguments": ID, "id": "c1"}},
                ],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "tool_call_result": {
                            "result": SEEN,
                            "origin": {"tool_name": "look", "arguments": ID, "id": "c1"},
                            "error": False,
                        }
                    }
                ],
            },
        ],
        [
            user(),
            called("c1", "Hm."),
            returned(name="look", text=f"{SEEN}\narguments: {ARGUMENTS}"),
        ],
    ),
    "ChatGPT's export": (
        [
            {
                "title": "Flight",
                "create_time": 1.5,
                "current_node": "c",
                "mapping": {
                    "b": {
                        "id": "b",
                        "parent": "a",
                        "children": ["c"],
                        "message": {
                            "id": "b",
                            "author": {"role": "user", "name": None, "metadata": {}},
                            "content": {"content_type": "text", "parts": [ASK]},
                            "status": "finished_successfully",
                            "end_turn": None,
                            "weight": 1.0,
                            "recipient": "all",
                        },
                    },
                    "a": {"id": "a", "message": None, "parent": None, "children": ["b"]},
                    "c": {
                        "id": "c",
                        "parent": "b",
                        "children": [],
                        "message": {
                            "author": {"role": "assistant"},
                            "content": {"content_type": "text", "parts": ["Too ", "old."]},
                            "end_turn": True,
                        },
                    },
                },
            }
        ],
        [
            Message("system", "title: Flight\ncurrent_node: c"),
            user(),
            said("Too \nold."),
        ],
    ),
    "Claude.ai's export": (
        [
            {
                "uuid": "u",
                "name": "Flight",
                "account": {"uuid": "x"},
                "chat_messages": [
                    {"uuid": "a", "text": ASK, "content": [TEXT], "sender": "human", "files": []},
                    {
                        "uuid": "b",
                        "text": "Too old.",
                        "content": [{"type": "text", "text": "Too old.", "citations": []}],
                        "sender": "assistant",
                        "created_at": "2026-01-01T00:00:00Z",
                        "parent_message_uuid": "a",
                    },
                ],
            }
        ],
        [
            Message("system", 'name: Flight\naccount: {"uuid": "x"}'),
            user(f"x\n{ASK}"),
            said("Too old."),
        ],
    ),
    "Claude Code's log": (
        [
            {
                "type": "user",
                "message": {"role": "user", "content": ASK},
                "uuid": "a",
                "parentUuid": None,
                "sessionId": "s",
                "cwd": "/home/ann",
                "version": "2.0.1",
                "gitBranch": "main",
                "isSidechain": False,
                "userType": "external",
                "timestamp": "2026-01-01T00:00:00Z",
            },
            {
                "type": "user",
                "message": {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": SEEN}],
                },
                "uuid": "b",
                "parentUuid": "a",
                "toolUseResult": {"stderr": "slow"},
            },
        ],
        [user(), returned(text=f'{SEEN}\ntoolUseResult: {{"stderr": "slow"}}')],
    ),
    "whole answers of an API": (
        [
            {
                "id": "x",
                "object": "chat.completion",
                "model": "m",
                "created": 1,
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "length",
                        "logprobs": None,
                        "message": {"role": "assistant", "content": "Yes."},
                    }
                ],
                "usage": {"total_tokens": 3},
            },
            {"choices": [{"text": "Yes.", "finish_reason": "stop", "index": 0}]},
            {
                "object": "response",
                "id": "r",
                "status": "completed",
                "output": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look."}]},
                    {"type": "message", "role": "assistant", "content": "Yes."},
                ],
            },
            {
                "candidates": [
                    {"content": {"role": "model", "parts": [{"text": "Yes."}]}, "index": 0}
                ],
                "usageMetadata": {"totalTokenCount": 3},
                "modelVersion": "m",
            },
            {
                "model": "m",
                "created_at": "2026-01-01",
                "message": {"role": "assistant", "content": "Yes."},
                "done": True,
                "done_reason": "stop",
                "total_duration": 3,
                "eval_count": 3,
            },
            {"messages": [{"content_type": "message", "role": "user", "items": [TEXT]}]},
            {"output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}},
            {
                "object": "thread.message",
                "role": "user",
                "content": [{"type": "text", "text": VALUE}],
            },
        ],
        [
            said("Yes.\nfinish_reason: length"),
            said("Yes."),
            said("Look."),
            said("Yes."),
            said("Yes."),
            said("Yes."),
            user("x"),
            said("Yes."),
            user("x"),
        ],
    ),
    "Google ADK": (
        [
            {
                "author": "booker",
                "invocation_id": "e",
                "content": {
                    "role": "model",
                    "parts": [{"functionCall": {"name": "look", "args": ID}}],
                },
                "actions": {"state_delta": {}, "artifact_delta": {}},
                "long_running_tool_ids": [],
                "partial": False,
                "timestamp": 1.5,
            },
            {
                "author": "booker",
                "content": {"parts": [{"functionResponse": {"name": "look", "response": BOOKED}}]},
                "actions": {"state_delta": {"seen": True}},
            },
            {"author": "user", "content": {"role": "user", "parts": [{"text": ASK}]}},
            {"author": "booker", "content": None, "actions": {"escalate": True}},
        ],
        [
            Message("assistant", "", (ToolCall("look", ARGUMENTS),), name="booker"),
            returned(
                None, "look", f'{SEEN}\nname: booker\nactions: {{"state_delta": {{"seen": true}}}}'
            ),
            user(),
            Message("assistant", 'actions: {"escalate": true}', name="booker"),
        ],
    ),
    "other names of the role": (
        [
            {"Role": "User", "Content": ASK},
            {"ROLE": "AI", "CONTENT": "Yes."},
            {"speaker": "human", "text": ASK},
            {"sender": "bot", "message": "Yes."},
            {"message_type": "user_message", "content": ASK},
            {"message_type": "reasoning_message", "reasoning": "Hm."},
            {"user": ASK},
            {"source": "user", "content": ASK},
            {"role": {"label": "assistant"}, "Items": [{"$type": "TextContent", "Text": "Yes."}]},
        ],
        [
            user(),
            said("Yes."),
            user(),
            said("Yes."),
            user(),
            said("Hm."),
            user(),
            user(),
            said("Yes."),
        ],
    ),
    "calls and results without a field for what they hold": (
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "name": "look", "date": "May 1", "state": "CA"}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "date": "May 1", "model": "A320"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": SEEN,
                        "status": "stale",
                        "source": "cache",
                    },
                ],
            },
        ],
        [
            Message("assistant", "", (ToolCall("look", '{"date": "May 1", "state": "CA"}', "c1"),)),
            returned(text="date: May 1\nmodel: A320"),
            returned("c2", text=f"{SEEN}\nstatus: stale\nsource: cache"),
        ],
    ),
    "unknown blocks": (
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "hi", "more": "there"},
                    {"type": "telepathy", "thought": "a", "picture": PICTURE * 3},
                    {"type": "text", "txt": "lost?"},
                    {"type": "telepathy"},
                ],
            }
        ],
        [
            said(
                'hi\nmore: there\n[telepathy] {"thought": "a", "picture": "[binary data]"}\n'
                "txt: lost?\n[telepathy]"
            )
        ],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read_whole(form: str) -> None:
    sent, stored = FORMS[form]

    assert [read for message in sent for read in read_message(message)] == list(stored)


REFUSED: list[tuple[object, tuple[str, ...], str]] = [
    ({"role": "user", "contnt": "x"}, ("contnt",), "unknown field; did you mean 'content'?"),
    ({"role": "user", "Body": "x"}, ("Body",), "unknown field; did you mean 'content'?"),
    ({"role": "user", "scratchpad": "y"}, ("scratchpad",), "did you mean 'reasoning'?"),
    ({"role": "user", "content": "x", "contnt": 3}, ("contnt",), "did you mean 'content'?"),
    ({"role": "user", "metadata": {"a": 1}}, ("metadata",), "may be part of the message"),
    ({"role": "tool", "zzz": 42}, ("zzz",), "unknown field"),
    ({"role": "critic", "content": "x"}, ("role",), "'critic' is unknown; use one of system, dev"),
    ({"role": None, "content": "x"}, ("role",), "is missing; use one of system, developer, user"),
    ({"payload": {"id": "x"}}, (), "is a line of Codex's log, but no message: leave out all"),
    ({"object": "list", "data": [], "has_more": False}, (), "is a page of a list: give the mess"),
    ({"thought_0": "x", "observation_0": "y"}, (), "is a step with its result: give an assistan"),
    ({"bubbleId": "b", "type": 2, "text": "x"}, (), "is a bubble of Cursor: give messages of r"),
    ({"message.role": "user", "message.content": "x"}, (), "as attributes of a span: leave out"),
    ({"action": "ls", "observation": "a.py"}, ("action",), "stands beside what came of it: give"),
    ({"step_number": 1, "model_output": "x"}, (), "is a memory step of smolagents: give agent."),
    ({"raw": "x", "tasks_output": []}, (), "is an output of CrewAI: give its raw text as output"),
    ({"type": "summary", "summary": "x", "leafUuid": "y"}, (), "is a line of Claude Code's log"),
    ({"span_id": "x", "attributes": {}}, (), "is a span of a trace: give the messages"),
    ({"prompt": "x", "completion": "y"}, (), "is a question with its answer: give two messages"),
    ({"choices": [{"text": "a"}, {"text": "b"}]}, ("choices",), "has 2 answers, and an attempt"),
    ({"choices": [{}]}, ("choices", "0"), "holds no message"),
    ({"messages": [{"role": "x"}]}, ("messages", "0", "role"), "'x' is unknown"),
    ({"mapping": {"a": {}, "b": {}}}, ("mapping",), "has several branches"),
    ({"role": {"a": 1, "b": 2}, "content": "x"}, ("role",), "must be a name or an id: give"),
    ({"sender": "GPT-4", "text": "x"}, ("sender",), "'GPT-4' is unknown; use one of"),
    ({"content": "x"}, ("role",), "is missing, and this is no message of a known form"),
    ({"source": "a", "body": "x"}, ("role",), "its fields are source, body."),
    ({"from": "narrator", "value": "x"}, ("role",), "'narrator' is unknown"),
    ({"kind": "request", "parts": [], "said": "x"}, ("said",), "unknown field"),
    (
        {"role": "assistant", "tool_calls": [{"id": {"a": 1}, "name": "f"}]},
        ("tool_calls", "0", "id"),
        "must be a name or an id: give text or a number",
    ),
    (
        {"role": "assistant", "content": [TEXT, {"type": "tool_use", "name": ["a", "b"]}]},
        ("content", "1", "name"),
        "must be a name or an id",
    ),
    ({"role": "assistant", "tool_calls": ["x"]}, ("tool_calls", "0"), "must be an object with"),
    (
        {"role": "tool", "tool_call_id": ["x", "y"]},
        ("tool_call_id",),
        "must be a name or an id: give",
    ),
    ("hello", (), "must be an object with role and content"),
    ([1, 2], (), "must be an object with role and content"),
]


@pytest.mark.parametrize(("message", "place", "words"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(
    message: object, place: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_message(message)

    assert words in str(refused.value)
    assert tuple(str(part) for part in refused.value.place) == place


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(UnreadableError, match="nested too deeply"):
        read_message({"role": "user", "content": deep})


@pytest.mark.parametrize(
    ("written", "role"),
    [
        *(("model", "assistant"), ("human", "user"), ("ai", "assistant"), ("bot", "assistant")),
        *(("gpt", "assistant"), ("chatbot", "assistant"), ("USER", "user"), ("System", "system")),
        *(("MessageRole.USER", "user"), ("AIMessageChunk", "assistant"), ("tool-output", "tool")),
        *(("user_message", "user"), ("SystemMessage", "system"), ("Assistant:", "assistant")),
        *(("developer", "developer"), ("function", "function"), ("ipython", "tool")),
        *(("exit", "tool"),),
    ],
)
def test_other_names_of_a_role_are_known(written: str, role: str) -> None:
    assert read_message({"role": written, "content": "x"}) == (Message(role, "x"),)
