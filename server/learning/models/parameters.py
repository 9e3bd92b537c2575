"""What an endpoint declines of a request, and the next weaker request.

A refused parameter is not a refused prompt. A schema for the answer becomes JSON mode and then
plain text; other parameters are renamed or left out; an endpoint that only streams is asked to
stream. If an endpoint says nothing of use, parameters that it has never taken are tried without,
one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from server.learning.models.standard_form import Json

FORMAT = "response_format"
MAX_IN_VAIN = 2  # prompts refused in every form, after which an unclear refusal is believed
_LIMITS = ("max_tokens", "max_completion_tokens")
# What may be left out: the answer is the same in kind without it.
_OPTIONAL = (
    "seed",
    "temperature",
    "top_p",
    "stream_options",
    "parallel_tool_calls",
    "tool_choice",
    *_LIMITS,
)
_DECLINING = frozenset({400, 404, 405, 415, 422, 500, 501})
_UNCLEAR = frozenset({400, 405, 415, 422, 501})  # whatever is said of why
_NOT_FOUND = 404  # a wrong address, or nobody who supports what is asked
_PLAIN, _SCHEMA, _JSON = "text", "json_schema", "json_object"

_ABOUT_FORMAT = re.compile(
    r"response[_ ]?format|json[_ ]?(?:schema|object|mode|output|format)|structured[_ ]?(?:output|"
    r"decoding|generation)|guided|grammar|schema",
    re.IGNORECASE,
)
_ABOUT_STREAM = re.compile(
    r"(?:only|must|needs?|requires?|required)\b[^.;]{0,40}\bstream"
    r"|\bstream(?:ing)?\b[^.;]{0,40}\b(?:must|only|required|be (?:set to )?true)"
    r"|non-?_?stream|without streaming|enable (?:the )?stream",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"too (?:large|big|high)|at most|exceed|less than|maximum context|greater", re.IGNORECASE
)
_UNSUPPORTED = re.compile(r"support|parameter|option|feature|capab", re.IGNORECASE)
# What is about the prompt, the key or the model is not about a parameter that nobody named.
_ABOUT_ELSE = re.compile(
    r"context[_ ](?:length|window)|maximum context|too (?:long|many|much)|prompt is|input is"
    r"|content[_ ](?:filter|management|policy)|moderat|policy|flagged|safety|blocked"
    r"|api[_ ]key|unauthori[sz]ed|credit|quota|billing|balance"
    r"|model\b[^.;]{0,60}\b(?:not (?:found|exist)|unknown|invalid|unavailable)"
    r"|(?:no such|unknown|invalid) model|not a valid model|does not exist|not found",
    re.IGNORECASE,
)
# The endpoint's own check of what the model happened to write.
_LUCK = re.compile(r"json_validate_failed|failed to (?:generate|validate) json", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response: its HTTP status and the text of its body."""

    status: int
    text: str

    @property
    def is_luck(self) -> bool:
        """Whether the same request may be answered if it is sent again."""
        return self.status in _DECLINING and _LUCK.search(self.text) is not None


@dataclass(frozen=True, slots=True)
class Concession:
    """How a request is weakened.

    Attributes:
        weaker_format: Steps from the wanted format of the answer towards plain text.
        renamed_limit: Whether the limit of tokens has its other name.
        left_out: Parameters that are left out, the limit by its first name.
        stream: Whether the endpoint is asked to stream.
    """

    weaker_format: int = 0
    renamed_limit: bool = False
    left_out: frozenset[str] = frozenset()
    stream: bool = False

    def __or__(self, other: Concession) -> Concession:
        """What concedes as much as either."""
        return Concession(
            max(self.weaker_format, other.weaker_format),
            self.renamed_limit or other.renamed_limit,
            self.left_out | other.left_out,
            self.stream or other.stream,
        )

    def applied(self, body: Json) -> Json:
        """The body of a weaker request."""
        weak = dict(body)
        for _ in range(self.weaker_format):
            _weaken_format(weak)
        for name in self.left_out:
            weak.pop(name, None)
        if self.renamed_limit:
            for name, other in (_LIMITS, reversed(_LIMITS)):
                if name in body and name in weak:
                    weak[other] = weak.pop(name)
                    break
        if self.stream:
            weak["stream"] = True
            if "stream_options" not in self.left_out:
                weak["stream_options"] = {"include_usage": True}
        return weak

    def beyond(self, before: Concession) -> Iterator[str]:
        """What it concedes that another does not, in words."""
        if self.weaker_format > before.weaker_format:
            yield "answers come in a weaker format than the schema of the question"
        if self.renamed_limit and not before.renamed_limit:
            yield "the limit of tokens is sent under its other name"
        if self.stream and not before.stream:
            yield "answers are streamed"
        if left_out := sorted(self.left_out - before.left_out):
            yield f"{' and '.join(left_out)} {'is' if len(left_out) == 1 else 'are'} left out"


def _weaken_format(body: Json) -> None:
    match body.get(FORMAT):
        case {"type": "json_schema"}:
            body[FORMAT] = {"type": _JSON}
        case None:
            pass
        case _:
            del body[FORMAT]


def features(body: Mapping[str, object]) -> frozenset[str]:
    """What a request asks for that an endpoint may decline."""
    named = {name for name in _OPTIONAL if name in body}
    if FORMAT in body:
        kind = cast("Mapping[str, object]", body[FORMAT]).get("type")
        named.add(f"{FORMAT} {kind}")
    return frozenset(named)


@dataclass
class EndpointMemory:
    """What an endpoint is known to take and to decline, for one model.

    Attributes:
        concession: What it needs of every request.
        taken: What it has taken at least once.
        in_vain: How many prompts it refused in every form.
    """

    concession: Concession = field(default_factory=Concession)
    taken: frozenset[str] = frozenset()
    in_vain: int = 0

    def accepted(self, body: Json, sent: Json, concession: Concession) -> list[str]:
        """Learn from a request that was answered; returns what is conceded from now on, in words.

        What was declined but had been taken before was declined for what this one request asks.

        Args:
            body: The request as it was meant.
            sent: The request as it was answered.
            concession: What was conceded.
        """
        self.taken |= features(sent)
        if (features(body) - features(sent)) & self.taken:
            return []
        before, self.concession = self.concession, self.concession | concession
        return list(self.concession.beyond(before))


_memories: dict[tuple[str, str], EndpointMemory] = {}


def memory_of(url: str, model: str) -> EndpointMemory:
    """What this process knows of an endpoint, for one model: all its clients share that."""
    return _memories.setdefault((url, model), EndpointMemory())


def forget_endpoints() -> None:
    """Forget what endpoints take and decline."""
    _memories.clear()


def next_concession(
    body: Json, concession: Concession, refusal: Refusal, memory: EndpointMemory
) -> Concession | None:
    """What to concede next; None if the refusal is about something else.

    Args:
        body: The request as it was meant.
        concession: What is conceded already.
        refusal: What the endpoint said to that.
        memory: What it is known to take.
    """
    if refusal.status not in _DECLINING:
        return None
    sent = concession.applied(body)
    named = next(_named(sent, concession, refusal.text), None)
    if named is not None:
        return named
    unclear = refusal.status in _UNCLEAR or (
        refusal.status == _NOT_FOUND and _UNSUPPORTED.search(refusal.text) is not None
    )
    if not unclear or _ABOUT_ELSE.search(refusal.text) or memory.in_vain >= MAX_IN_VAIN:
        return None
    untried = next(_untried(sent, concession, memory), None)
    memory.in_vain += untried is None
    return untried


def _named(sent: Json, concession: Concession, text: str) -> Iterator[Concession]:
    """The concessions that the text of a refusal asks for."""
    if not sent.get("stream") and _ABOUT_STREAM.search(text):
        yield replace(concession, stream=True)
    for name in _OPTIONAL:
        if name in sent and re.search(rf"(?<![a-z_]){name}(?![a-z_])", text, re.IGNORECASE):
            large = name in _LIMITS and _TOO_LARGE.search(text) is not None
            yield _without(name, concession, rename=not large)
    if FORMAT in sent and _ABOUT_FORMAT.search(text):
        yield replace(concession, weaker_format=concession.weaker_format + 1)


def _untried(sent: Json, concession: Concession, memory: EndpointMemory) -> Iterator[Concession]:
    """Concessions of what the endpoint has never taken."""
    unknown = features(sent) - memory.taken
    if any(feature.startswith(FORMAT) for feature in unknown):
        yield replace(concession, weaker_format=concession.weaker_format + 1)
    for name in _OPTIONAL:
        if name in unknown:
            yield _without(name, concession, rename=True)


def _without(name: str, concession: Concession, *, rename: bool) -> Concession:
    if name in _LIMITS and rename and not concession.renamed_limit:
        return replace(concession, renamed_limit=True)
    return replace(concession, left_out=concession.left_out | {name, *_aliases(name)})


def _aliases(name: str) -> tuple[str, ...]:
    return _LIMITS if name in _LIMITS else ()
