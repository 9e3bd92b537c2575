r"""What must not be stored, and what must not be taught.

Trajectories are untrusted: web pages and tool output are in them. Secrets are redacted before a
trajectory is stored (`redact`). What is distilled from trajectories is put into the prompts of
other agents, so an experience that carries a secret, a link, a command or an attempt to steer its
reader is refused, with the reason (`objection`).

Both are tables of patterns. No such table is complete, and it stands behind delimiters, provenance
and review. So it leans towards leaving ordinary text alone: what merely resembles a secret, like an
order number or the word after "password:", stays. The text may be hostile: every quantifier is
bounded or has nothing to give back, so that the time is linear.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experience_store.library import Policy

# --- Tokens: secrets that are known by how they begin --------------------------------------------

# Each is one long unbroken word, and ordinary text has few of those: only words of at least
# _MIN_TOKEN characters are compared with this table. One row, one alternative.
_MIN_TOKEN = 20
_TOKENS = {
    "api-key": r"""
        (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])      # AWS access key id
        AIza[\w-]{35}                                           # Google
        GOCSPX-[\w-]{20,}                                       # Google OAuth client secret
        sk-(?=[A-Za-z_-]{0,64}\d)[\w-]{20,}                     # OpenAI, Anthropic, OpenRouter
        [rs]k_(?:live|test)_\w{10,}                             # Stripe
        whsec_\w{24,}                                           # Stripe webhook
        gsk_\w{40,}                                             # Groq
        xai-\w{40,}                                             # xAI
        (?:pplx|tvly(?:-dev|-prod)?|fc)-[A-Za-z0-9]{24,}        # Perplexity, Tavily, Firecrawl
        SG\.[\w-]{16,}\.[\w-]{16,}                              # SendGrid
        key-[0-9a-f]{32}                                        # Mailgun
        dapi[0-9a-f]{32}                                        # Databricks
        lin_api_\w{32,}                                         # Linear
        PMAK-[0-9a-f]{24}-[0-9a-f]{34}                          # Postman
        NRAK-[A-Z0-9]{27}                                       # New Relic
        AGE-SECRET-KEY-1[A-Z0-9]{58}                            # age""",
    "token": r"""
        gh[pousr]_\w{30,}                                       # GitHub
        github_pat_\w{22,}                                      # GitHub, fine-grained
        gl(?:pat|dt|rt|ptt|cbt|ft|oas|agent|soat)-[\w.-]{20,}   # GitLab
        xox[abeoprs](?:\.xox[bp])?-[\w-]{10,}                   # Slack
        xapp-\d-[\w-]{10,}                                      # Slack app
        ya29\.[\w-]{20,}                                        # Google OAuth
        hf_[A-Za-z0-9]{30,}                                     # Hugging Face
        npm_[A-Za-z0-9]{30,}                                    # npm
        pypi-[\w-]{40,}                                         # PyPI
        do[opr]_v1_[0-9a-f]{60,}                                # DigitalOcean
        dckr_(?:pat|oat)_[\w-]{20,}                             # Docker
        hvs\.[\w-]{20,}                                         # Vault
        shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}                      # Shopify
        sntry[su]_[\w+/=-]{30,}                                 # Sentry
        sbp_[0-9a-f]{40}                                        # Supabase
        r8_\w{37,}                                              # Replicate
        ntn_\w{40,}                                             # Notion
        eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]{0,4096}){0,3}         # JWT""",
}
_WORD_BYTES = bytes(
    ord("a") if chr(code).isascii() and (chr(code).isalnum() or chr(code) in "_.-") else ord(" ")
    for code in range(256)
)


def _token_pattern() -> re.Pattern[str]:
    """One pattern for all tokens. Its group 1 is the token; the group that matched is the kind."""
    kinds = [
        rf"(?P<{kind.replace('-', '_')}>{'|'.join(re.sub(' +#.*', '', table).split())})"
        for kind, table in _TOKENS.items()
    ]
    # In JSON text a token may stand behind an escaped line end, which looks like a letter of it.
    return re.compile(rf"(?:(?<=\\)[nrt])?[._-]*+({'|'.join(kinds)})", re.ASCII)


_TOKEN = _token_pattern()

# --- Assignments: secrets that are known by what they are called ---------------------------------

# All patterns below are for lower-case text and begin with their hint, a literal that `re` finds
# quickly. What they find is judged in its own case: is it like a secret, or an ordinary word?
_QUOTE = r"""\\{0,8}["'`]"""  # in JSON in JSON, quotes are escaped
_BARE = r"""(?P<bare>[^\s"'`\\,;&<>(){}\[\]|]{1,512})"""
_VALUE = rf"(?:(?P<quote>{_QUOTE})(?P<quoted>(?:\\.|[^\s\\]){{1,512}}?)(?:(?P=quote)|\Z)|{_BARE})"
_GIVEN = (
    rf"(?:{_QUOTE})?[ \t]{{0,8}}"
    r"(?P<sign>(?::[ ]?str[ ]?)?={1,3}|=>|:=|:|(?<=[ \t])is(?=[ \t:]):?)"
    rf"[ \t]{{0,8}}{_VALUE}"
)
_FLAG = rf"(?P<sign>[ \t]{{1,4}}){_VALUE}"

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


def _is_password(value: str, *, explicit: bool) -> bool:
    """After an equals sign or in quotes nearly anything; elsewhere only what is no word."""
    if explicit:
        enough = 4
        return len(value) >= enough and not (_NAME.fullmatch(value) or _DOTTED.fullmatch(value))
    enough = 6
    word = value.rstrip(".!?:")
    return len(word) >= enough and bool(_SYMBOL.search(word))


def _is_key(value: str, *, explicit: bool) -> bool:
    long, long_enough_without_digit = 8, 16
    if len(value) < long or _SLUG.fullmatch(value) or _DOTTED.fullmatch(value):
        return False
    if explicit and len(value) >= long_enough_without_digit and value.isalpha():
        return not _NAME.fullmatch(value)
    return bool(_DIGIT_AND_LETTER.match(value))


def _is_token(value: str, *, explicit: bool) -> bool:
    """Stricter than for keys: texts about language models are full of tokens that are words."""
    long = 16
    return len(value) >= long and _is_key(value, explicit=explicit) and not value.isalpha()


def _is_credential(value: str, *, explicit: bool) -> bool:
    """What follows "Bearer" and the like."""
    del explicit
    long = 8
    return len(value) >= long and bool(_MIXED.search(value)) and not _NAME.fullmatch(value)


def _is_anything(value: str, *, explicit: bool) -> bool:
    del value, explicit
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one kind of secret is found in lower-case text."""

    kind: str
    hint: str
    pattern: re.Pattern[str]
    judge: Callable[..., bool]


def _rule(kind: str, hint: str, pattern: str, judge: Callable[..., bool] = _is_anything) -> _Rule:
    return _Rule(kind, hint, re.compile(pattern), judge)


_DATABASES = r"(?:(?<=sql://)|(?<=postgres://)|(?<=mongodb://)|(?<=\+srv://)|(?<=redis://)"
_DATABASES += r"|(?<=rediss://)|(?<=amqp://)|(?<=amqps://)|(?<=\+\w{7}://)|(?<=\+\w{8}://))"
_USER = r"""[^\s/?#:@"'`<>\[\]{}$\\]{0,128}"""
_HOST_PASSWORD = r"""[^\s/?#"'`<>\[\]{}\\]{1,256}"""

_RULES = (
    _rule(
        "private-key",
        "-----begin ",
        r"-----begin [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"(?:(?:[^-]|-(?!----))*+-----end [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"|(?:(?:\s|\\{1,8}[nr])*+[a-z0-9+/=]{20,}+)*+)",
    ),
    _rule("password", "passw", rf"passw(?:or)?d(?:[_-]?\d)?{_GIVEN}", _is_password),
    _rule("password", "passphrase", rf"passphrase{_GIVEN}", _is_password),
    _rule("password", "pwd", rf"pwd{_GIVEN}", _is_password),
    _rule("password", "--", rf"--(?:[a-z]{{1,12}}-)?passw(?:or)?d{_FLAG}", _is_password),
    _rule("secret", "secret", rf"secret(?:[_-]?(?:access[_-]?)?key)?{_GIVEN}", _is_key),
    _rule("api-key", "api", rf"api[ _.-]?(?:key|secret){_GIVEN}", _is_key),
    _rule("api-key", "access", rf"access[_-]?key{_GIVEN}", _is_key),
    _rule("connection-string", "account", rf"account[_-]?key{_GIVEN}", _is_key),
    _rule("private-key", "private", rf"private[_-]?key{_GIVEN}", _is_key),
    _rule("token", "token", rf"token{_GIVEN}", _is_token),
    _rule("token", "--", rf"--(?:[a-z]{{1,12}}-)?(?:token|api-?key|secret){_FLAG}", _is_key),
    _rule("token", "bearer", r"bearer[ \t]{1,4}(?P<bare>[\w.~+/=-]{16,4096})", _is_token),
    _rule(
        "token",
        "authorization",
        rf"authorization(?:{_QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{_QUOTE})?"
        r"""(?:bearer|basic|token|apikey|key)[ \t]{1,4}(?P<bare>[^\s"'`\\,;<>{}$\[]{8,4096})""",
        _is_credential,
    ),
    _rule(
        "token", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/(?P<bare>[\w/]{20,256})"
    ),
    _rule("token", "/api/webhooks/", r"/api/webhooks/(?P<bare>\d{10,24}/[\w-]{30,128})"),
    _rule("connection-string", "://", rf"://{_DATABASES}(?P<bare>{_USER}:{_HOST_PASSWORD})@"),
    _rule("password", "://", rf"://{_USER}:(?P<bare>{_HOST_PASSWORD})@"),
    _rule(
        "password",
        "curl ",
        rf"curl [^\n]{{0,200}}?(?:-u|--user)[ =]?(?:{_QUOTE})?[^\s:\"'`]{{1,64}}:{_BARE}",
        _is_password,
    ),
)


def redact(text: str) -> tuple[str, int]:
    """The text with `[redacted:<kind>]` in the place of each secret, and how many there were."""
    parts: list[str] = []
    position = 0
    for start, end, kind in _secrets(text):
        parts += [text[position:start], f"[redacted:{kind}]"]
        position = end
    if not parts:
        return text, 0
    return "".join([*parts, text[position:]]), len(parts) // 2


def _secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Where secrets stand, in order. Of those that overlap the first is taken, up to both ends."""
    found = sorted([*_tokens(text), *_named(text)])
    while found:
        start, end, kind = found.pop(0)
        while found and found[0][0] < end:
            end = max(end, found.pop(0)[1])
        yield start, end, kind
