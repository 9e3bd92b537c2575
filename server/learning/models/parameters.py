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
MAX_LUCK = 2  # further tries of a request that was declined for what the model happened to write
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
_DECLINING = frozenset({400, 404, 405, 415, 422, 500, 501, 502})
_UNCLEAR = frozenset({400, 405, 415, 422, 501})  # whatever is said of why
_BAD_REQUEST, _SERVER_ERROR = 400, 500
_BAD_GATEWAY = 502  # also an error with status 200, and without one of its own
_NOT_FOUND = 404  # a wrong address, or nobody who supports what is asked
_JSON = "json_object"
_AT_ONCE = "an answer that is not streamed"

_ABOUT_FORMAT = re.compile(
    r"response[_ ]?format|json[_ ]?(?:schema|object|mode|output|format)|structured[_ ]?(?:output|"
    r"decoding|generation)|guided|grammar|schema",
    re.IGNORECASE,
)
_ABOUT_STREAM = re.compile(r"\b(?:non_?)?stream|blocking", re.IGNORECASE)
_TOO_LARGE = re.compile(
    r"too (?:large|big|high)|at most|exceed|less than|maximum|greater|range|between|limit is",
    re.IGNORECASE,
)
# What a refusal of a parameter says beside its name.
_DECLINES = re.compile(
    r"support|param|field|argument|extra|permit|allow|accept|unknown|unexpected|recogni[sz]ed"
    r"|invalid|value|range|deprecated|must|default|available|too (?:large|big|high)|exceed",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(r"support|parameter|option|feature|capab", re.IGNORECASE)
# What is about the prompt, the key or the model is not about a parameter that nobody named.
_ABOUT_ELSE = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|(?:input|prompt) length|reduce the length"
    r"|too (?:long|many|much)|prompt is|input is"
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
    if not body.get("stream"):
        named.add(_AT_ONCE)
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


@dataclass
class Negotiation:
    """One request on its way to the form that the endpoint takes.

    Attributes:
        body: The request as it was meant.
        memory: What the endpoint is known to take.
        concession: What is conceded now.
    """

    body: Json
    memory: EndpointMemory
    concession: Concession = field(init=False)
    _luck: int = MAX_LUCK
    _guesses: list[Concession] | None = None
    _by_luck: bool = False

    def __post_init__(self) -> None:
        """Begin with what the endpoint is known to need."""
        self.concession = self.memory.concession

    @property
    def sent(self) -> Json:
        """The request as it is to be sent."""
        return self.concession.applied(self.body)

    def accepted(self) -> list[str]:
        """The request was answered: what is conceded from now on, in words."""
        if self._by_luck:
            return []
        return self.memory.accepted(self.body, self.sent, self.concession)

    def again(self, refusal: Refusal) -> bool:
        """Whether to send again, perhaps with more conceded; no if it is about something else."""
        if refusal.status not in _DECLINING:
            return False
        if refusal.is_luck:
            self._luck -= 1
            if self._luck >= 0:
                return True
            self._by_luck = True
        named = next(_named(self.sent, self.concession, refusal), None)
        if named is not None:
            self.concession = named
            return True
        return self._guess(refusal)

    def _guess(self, refusal: Refusal) -> bool:
        """Try without what the endpoint has never taken: one after the other, then all of it."""
        unclear = refusal.status in _UNCLEAR or (
            refusal.status == _NOT_FOUND and _UNSUPPORTED.search(refusal.text) is not None
        )
        if not unclear or _ABOUT_ELSE.search(refusal.text):
            return False
        if self._guesses is None:
            if self.memory.in_vain >= MAX_IN_VAIN:
                return False
            self._guesses = list(_guesses(self.sent, self.concession, self.memory))
            if self._guesses and refusal.status == _BAD_REQUEST:
                self._guesses.insert(0, self.concession)  # it may have been a hiccup
        if not self._guesses:
            self.memory.in_vain += 1
            return False
        self.concession = self._guesses.pop(0)
        return True


def _named(sent: Json, concession: Concession, refusal: Refusal) -> Iterator[Concession]:
    """The concessions that the text of a refusal asks for."""
    text = refusal.text
    if FORMAT in sent and _ABOUT_FORMAT.search(text):
        yield replace(concession, weaker_format=concession.weaker_format + 1)
    if refusal.status == _SERVER_ERROR:
        return  # it may be about anything, and name it by chance
    declines = _DECLINES.search(text) is not None
    clear = declines or refusal.status != _BAD_GATEWAY  # which may be about a broken stream
    if clear and not sent.get("stream") and _ABOUT_STREAM.search(text):
        yield replace(concession, stream=True)
    if not declines:
        return
    for name in _OPTIONAL:
        named = rf"(?<![a-z_])(?:{'|'.join(_aliases(name))})(?![a-z_])"
        if name in sent and re.search(named, text, re.IGNORECASE):
            large = name in _LIMITS and _TOO_LARGE.search(text) is not None
            yield _without(name, concession, rename=not large)


def _guesses(sent: Json, concession: Concession, memory: EndpointMemory) -> Iterator[Concession]:
    """Concessions of what the endpoint has never taken, the smaller ones first."""
    unknown = features(sent) - memory.taken
    weaker = [n for n in (1, 2) if any(feature.startswith(FORMAT) for feature in unknown)]
    for steps in weaker:
        yield replace(concession, weaker_format=concession.weaker_format + steps)
    names = [name for name in _OPTIONAL if name in unknown]
    for name in names:
        yield _without(name, concession, rename=name in _LIMITS)
    if _AT_ONCE in unknown:
        yield replace(concession, stream=True)
    sampling = frozenset(names) - {*_LIMITS}
    everything = frozenset(alias for name in names for alias in _aliases(name))
    for left_out in (sampling, everything):
        if len(left_out) > 1 or weaker:
            yield Concession(
                weaker_format=concession.weaker_format + len(weaker),
                left_out=concession.left_out | left_out,
                stream=concession.stream,
            )


def _without(name: str, concession: Concession, *, rename: bool) -> Concession:
    if name in _LIMITS and rename and not concession.renamed_limit:
        return replace(concession, renamed_limit=True)
    return replace(concession, left_out=concession.left_out | {*_aliases(name)})


def _aliases(name: str) -> tuple[str, ...]:
    return _LIMITS if name in _LIMITS else (name,)
