"""Secrets recognised by the name they are assigned to: `password=...`, `"api_key": "..."`.

All patterns are for lower-case text and start with their hint, a literal that `re` finds quickly.
The value found is then checked in its original case: a secret, or an ordinary word?
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_QUOTE = r"""\\{0,32}["'`]"""  # escaped in JSON, repeatedly in nested JSON
_END = r"(?:\Z|(?=\x00))"  # the end of a truncated text; NUL separates joined texts
_QUOTED = (
    rf"(?P<quote>{_QUOTE})(?P<quoted>(?:\\[^\x00]|[^\s\\\x00]){{1,512}}?)(?:(?P=quote)|{_END})"
)
_BARE = r"""(?P<bare>[^\s\x00-\x1f"'`\\,;&<>(){}\[\]|]{1,512})"""
_GIVEN = (
    rf"(?P<key>{_QUOTE})?[ \t]{{0,8}}"
    r"(?P<sign>(?::[ ]?str[ ]?)?={1,3}|=>|:=|:|(?<=[ \t])is(?=[ \t:]):?)"
    rf"[ \t]{{0,8}}(?:{_QUOTED}|(?(key)(?!)|{_BARE}))"  # a bare value in JSON is not a secret
)
_FLAG = rf"(?P<sign>[ \t]{{1,4}})(?:{_QUOTED}|{_BARE})"

_PLACEHOLDER = re.compile(
    r"""(?:none|null|nil|true|false|undefined|str|string|text|bytes|required|optional|hidden
        |invalid|incorrect|missing|unknown|empty|example|\W+)\Z
      | [<$%{*~/.\[] | [a-z]:\\ | (?:your|my|the|insert|enter|replace|example)[_-]
      | (?:os|env|process|config|settings|self|args|opts|options|params|request|secrets)\.
      | .*(?:\*\*\*|x{5}|…|\.\.\.|placeholder|redacted|://)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_]*(?:pass|pwd|secret|token|key|cred)[A-Za-z_]*", re.IGNORECASE)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SLUG = re.compile(r"[A-Za-z0-9]{1,11}(?:[._-][A-Za-z0-9]{1,11})+")
_SYMBOL = re.compile(r"[\d!@#$%^*+=?~]")
_DIGIT_AND_LETTER = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])")
_MIXED = re.compile(r"[a-z][A-Z]|[+/=~]|\d")


def _is_password(value: str, explicit: bool) -> bool:
    """Nearly anything in quotes or after an equals sign; elsewhere no plain words."""
    if explicit:
        enough = 4
        return len(value) >= enough and not (_NAME.fullmatch(value) or _DOTTED.fullmatch(value))
    enough = 6
    word = value.rstrip(".!?:")
    return len(word) >= enough and bool(_SYMBOL.search(word))


def _is_key(value: str, explicit: bool) -> bool:
    """Letters with digits, not a file or host name; in quotes also one long run of letters."""
    enough, enough_letters = 8, 16
    if len(value) < enough or _SLUG.fullmatch(value) or _DOTTED.fullmatch(value):
        return False
    if explicit and value.isalpha() and len(value) >= enough_letters:
        return not _NAME.fullmatch(value)
    return bool(_DIGIT_AND_LETTER.match(value))


def _is_token(value: str, _explicit: bool) -> bool:
    """Stricter than for keys: text about language models is full of tokens that are words."""
    enough = 16
    return len(value) >= enough and _is_key(value, explicit=False)


def _is_credential(value: str, _explicit: bool) -> bool:
    """The value after an authorization scheme, unless it is just the next word of a sentence."""
    return bool(_MIXED.search(value)) and not _NAME.fullmatch(value)


def _is_cookie(value: str, _explicit: bool) -> bool:
    """A header's value in which a cookie is as long as a session's id."""
    return any(_is_token(part.partition("=")[2], False) for part in value.split(";"))


def _is_anything(_value: str, _explicit: bool) -> bool:
    return True


@dataclass(frozen=True)
class _Rule:
    """How to find one kind of secret in lower-case text, and to check it in its original case."""

    kind: str
    hint: str
    expression: str
    is_secret: Callable[[str, bool], bool] = _is_anything

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is needed: all at once they delay every start."""
        return re.compile(self.expression)


_SCHEMES = ("sql", "postgres", "mongodb", r"\+srv", "redis", "rediss", "amqp", "amqps")
_DATABASE = "(?:" + "|".join(rf"(?<={scheme}://)" for scheme in _SCHEMES) + ")"
_USER = r"""[^\s/?#:@"'`<>\[\]{}$\\]{0,128}"""
_IN_QUERY = r"""(?P<bare>[^\s&#"'`<>\\]{16,512})"""
# names of keys that find data and open nothing
_DATA = "cache dedup foreign idempotency index object partition primary public row s3 sort unique"
_OF_DATA = "".join(f"(?<!{name}_key)" for name in _DATA.split())
_AFTER_COLON = r"""[^\s/?#,;"'`<>\[\]{}\\]{1,256}"""

_RULES = (
    _Rule(
        "private-key",
        "-----begin ",
        r"-----begin [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"(?:[^-\"]*(?:-(?!----)[^-\"]*)*-----end [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"|(?:(?:\s|\\{1,32}[nr]){0,8}[a-z0-9+/=]{20,}){0,400})",
    ),
    _Rule("password", "passw", rf"passw(?:or)?d(?:[_-]?\d)?{_GIVEN}", _is_password),
    _Rule("password", "passphrase", rf"passphrase{_GIVEN}", _is_password),
    _Rule("password", "pwd", rf"pwd{_GIVEN}", _is_password),
    _Rule("password", "_pass", rf"_pass{_GIVEN}", _is_password),
    _Rule("password", "--", rf"--(?:[a-z]{{1,12}}-)?passw(?:or)?d{_FLAG}", _is_password),
    _Rule("secret", "secret", rf"secret(?:[_-]?key)?{_GIVEN}", _is_key),
    _Rule("api-key", "api", rf"api[ _.-]?(?:key|secret){_GIVEN}", _is_key),
    _Rule("api-key", "access", rf"access[_-]?key{_GIVEN}", _is_key),
    _Rule("connection-string", "account", rf"account[_-]?key{_GIVEN}", _is_key),
    _Rule("private-key", "private", rf"private[_-]?key{_GIVEN}", _is_key),
    _Rule("api-key", "_key", rf"_key{_OF_DATA}{_GIVEN}", _is_token),
    _Rule("token", "token", rf"token{_GIVEN}", _is_token),
    _Rule("token", "--", rf"--(?:[a-z]{{1,12}}-)?(?:token|api-?key|secret){_FLAG}", _is_key),
    _Rule("token", "bearer", r"bearer[ \t]{1,4}(?P<bare>[\w.~+/=-]{16,4096})", _is_token),
    _Rule(
        "token",
        "authorization",
        rf"authorization(?:{_QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{_QUOTE})?"
        r"""(?:bearer|basic|token|apikey|key)[ \t]{1,4}(?P<bare>[^\s"'`\\,;<>{}$\[]{8,4096})""",
        _is_credential,
    ),
    _Rule(
        "token",
        "cookie",
        rf"cookie(?:{_QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{_QUOTE})?"
        r"""(?P<bare>[\w.-]{1,64}=[^\s"'`\\,;<>{}]{1,4096}"""
        r"""(?:;[ ]?[\w.-]{1,64}=[^\s"'`\\,;<>{}]{1,4096}){0,64})""",
        _is_cookie,
    ),
    _Rule("api-key", "key=", rf"key=(?<=[?&]key=){_IN_QUERY}", _is_token),
    _Rule("token", "sig=", rf"sig=(?<=[?&]sig=){_IN_QUERY}", _is_token),
    _Rule("token", "signature=", rf"signature=(?<=[?&-]signature=){_IN_QUERY}", _is_token),
    _Rule(
        "token",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows)/(?P<bare>[\w/]{20,256})",
    ),
    _Rule("token", "/api/webhooks/", r"/api/webhooks/(?P<bare>\d{10,24}/[\w-]{30,128})"),
    _Rule("connection-string", "://", rf"://{_DATABASE}(?P<bare>{_USER}:{_AFTER_COLON})@"),
    _Rule("password", "://", rf"://{_USER}:(?P<bare>{_AFTER_COLON})@"),
    _Rule("token", "://", r"://(?P<bare>[\w.~%-]{20,256})@", _is_token),
    _Rule(
        "password",
        "curl ",
        rf"curl [^\n]{{0,200}}?(?:-u|--user)[ =]?(?:{_QUOTE})?[^\s:\"'`]{{1,64}}:{_BARE}",
        _is_password,
    ),
)


_HINTS = frozenset(rule.hint for rule in _RULES)


def by_name(text: str) -> Iterator[tuple[int, int, str]]:
    """Secrets recognised by the name they are assigned to."""
    lower = _lower(text)
    hints = {hint for hint in _HINTS if hint in lower}
    for rule in (rule for rule in _RULES if rule.hint in hints):
        for found in rule.pattern.finditer(lower):
            start, end = _span(found)
            value = text[start:end]
            is_code = text[end : end + 1] in {"(", "["} or _PLACEHOLDER.match(value)
            if not is_code and rule.is_secret(value, _explicit(found)):
                yield start, end, rule.kind


def _span(found: re.Match[str]) -> tuple[int, int]:
    """The span of the value: quoted, bare, or the whole match."""
    for group in ("quoted", "bare"):
        if group in found.re.groupindex and found[group] is not None:
            return found.span(group)
    return found.span()


def _explicit(found: re.Match[str]) -> bool:
    """Whether the value is quoted or follows an equals sign, not merely a colon or `is`."""
    groups = found.groupdict()
    return groups.get("quoted") is not None or "=" in (groups.get("sign") or "=")


def _lower(text: str) -> str:
    """The text in lower case, with every character at its original position."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
