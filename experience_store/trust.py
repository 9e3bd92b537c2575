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


def _any_of(table: str) -> str:
    r"""A pattern for any row of a table. Two spaces and # begin a comment.

    Rows that begin with a word boundary, a `\b`, are only tried where a word begins.
    """
    rows = [re.sub(r"  +#.*", "", row).strip() for row in table.strip().splitlines()]
    at_words = "|".join(row.removeprefix(r"\b") for row in rows if row.startswith(r"\b"))
    anywhere = [row for row in rows if not row.startswith(r"\b")]
    return "|".join([rf"\b(?=\w)(?:{at_words})", *anywhere] if at_words else anywhere)


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
    """One pattern for all tokens, with a group for each kind."""
    kinds = "|".join(
        f"(?P<{kind.replace('-', '_')}>{_any_of(table)})" for kind, table in _TOKENS.items()
    )
    # In JSON text a token may stand behind an escaped line end, which looks like a letter of it.
    return re.compile(rf"(?:(?<=\\)[nrt])?[._-]*+(?:{kinds})", re.ASCII)


_TOKEN = _token_pattern()

# --- Assignments: secrets that are known by what they are called ---------------------------------

# All patterns below are for lower-case text and begin with their hint, a literal that `re` finds
# quickly. What they find is judged in its own case: is it like a secret, or an ordinary word?
_QUOTE = r"""\\{0,32}["'`]"""  # escaped in JSON, the more so in JSON in JSON
_END = r"(?:\Z|(?=\x00))"  # of a text that was cut off; NUL stands between joined texts
_QUOTED = (
    rf"(?P<quote>{_QUOTE})(?P<quoted>(?:\\[^\x00]|[^\s\\\x00]){{1,512}}?)(?:(?P=quote)|{_END})"
)
_BARE = r"""(?P<bare>[^\s\x00-\x1f"'`\\,;&<>(){}\[\]|]{1,512})"""
_GIVEN = (
    rf"(?P<key>{_QUOTE})?[ \t]{{0,8}}"
    r"(?P<sign>(?::[ ]?str[ ]?)?={1,3}|=>|:=|:|(?<=[ \t])is(?=[ \t:]):?)"
    rf"[ \t]{{0,8}}(?:{_QUOTED}|(?(key)(?!)|{_BARE}))"  # what is bare in JSON is no secret
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
    """In quotes or after an equals sign nearly anything; elsewhere only what is no word."""
    if explicit:
        enough = 4
        return len(value) >= enough and not (_NAME.fullmatch(value) or _DOTTED.fullmatch(value))
    enough = 6
    word = value.rstrip(".!?:")
    return len(word) >= enough and bool(_SYMBOL.search(word))


def _is_key(value: str, explicit: bool) -> bool:
    """Letters with digits, no file or host name; in quotes also one long run of letters."""
    enough, enough_letters = 8, 16
    if len(value) < enough or _SLUG.fullmatch(value) or _DOTTED.fullmatch(value):
        return False
    if explicit and value.isalpha() and len(value) >= enough_letters:
        return not _NAME.fullmatch(value)
    return bool(_DIGIT_AND_LETTER.match(value))


def _is_token(value: str, _explicit: bool) -> bool:
    """Stricter than for keys: texts about language models are full of tokens that are words."""
    enough = 16
    return len(value) >= enough and _is_key(value, explicit=False)


def _is_credential(value: str, _explicit: bool) -> bool:
    """What follows the name of an authorization scheme, unless it is the next word."""
    return bool(_MIXED.search(value)) and not _NAME.fullmatch(value)


def _is_anything(_value: str, _explicit: bool) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one kind of secret is found in lower-case text, and judged in its own case."""

    kind: str
    hint: str
    pattern: re.Pattern[str]
    is_secret: Callable[[str, bool], bool]


def _rule(
    kind: str, hint: str, pattern: str, is_secret: Callable[[str, bool], bool] = _is_anything
) -> _Rule:
    return _Rule(kind, hint, re.compile(pattern), is_secret)


_SCHEMES = ("sql", "postgres", "mongodb", r"\+srv", "redis", "rediss", "amqp", "amqps")
_DATABASE = "(?:" + "|".join(rf"(?<={scheme}://)" for scheme in _SCHEMES) + ")"
_USER = r"""[^\s/?#:@"'`<>\[\]{}$\\]{0,128}"""
_AFTER_COLON = r"""[^\s/?#,;"'`<>\[\]{}\\]{1,256}"""

_RULES = (
    _rule(
        "private-key",
        "-----begin ",
        r"-----begin [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"(?:[^-\"]*(?:-(?!----)[^-\"]*)*-----end [a-z0-9 ]{0,32}private key(?: block)?-----"
        r"|(?:(?:\s|\\{1,32}[nr]){0,8}[a-z0-9+/=]{20,}){0,400})",
    ),
    _rule("password", "passw", rf"passw(?:or)?d(?:[_-]?\d)?{_GIVEN}", _is_password),
    _rule("password", "passphrase", rf"passphrase{_GIVEN}", _is_password),
    _rule("password", "pwd", rf"pwd{_GIVEN}", _is_password),
    _rule("password", "--", rf"--(?:[a-z]{{1,12}}-)?passw(?:or)?d{_FLAG}", _is_password),
    _rule("secret", "secret", rf"secret(?:[_-]?key)?{_GIVEN}", _is_key),
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
        "token",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows)/(?P<bare>[\w/]{20,256})",
    ),
    _rule("token", "/api/webhooks/", r"/api/webhooks/(?P<bare>\d{10,24}/[\w-]{30,128})"),
    _rule("connection-string", "://", rf"://{_DATABASE}(?P<bare>{_USER}:{_AFTER_COLON})@"),
    _rule("password", "://", rf"://{_USER}:(?P<bare>{_AFTER_COLON})@"),
    _rule(
        "password",
        "curl ",
        rf"curl [^\n]{{0,200}}?(?:-u|--user)[ =]?(?:{_QUOTE})?[^\s:\"'`]{{1,64}}:{_BARE}",
        _is_password,
    ),
)


_HINTS = frozenset(rule.hint for rule in _RULES)


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
    """Where the secrets are, in order. Those that overlap are one, of the first one's kind."""
    last: tuple[int, int, str] | None = None
    for start, end, kind in sorted([*_tokens(text), *_named(text)]):
        if last is None:
            last = start, end, kind
        elif start < last[1]:
            last = last[0], max(end, last[1]), last[2]
        else:
            yield last
            last = start, end, kind
    if last:
        yield last


def _tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Secrets that are known by how they begin.

    Long words are found in a copy in which every character of a word is an "a": that is ten times
    as fast as a pattern.
    """
    shape = text.encode("ascii", "replace").translate(_WORD_BYTES)
    long_word = b"a" * _MIN_TOKEN
    start = shape.find(long_word)
    while start >= 0:
        if (token := _TOKEN.match(text, start)) and token.lastgroup:
            yield *token.span(token.lastgroup), token.lastgroup.replace("_", "-")
        end = shape.find(b" ", start)
        start = shape.find(long_word, end) if end >= 0 else -1


def _named(text: str) -> Iterator[tuple[int, int, str]]:
    """Secrets that are known by what they are called."""
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
    """Where the value is: in quotes, bare, or all that was found."""
    for group in ("quoted", "bare"):
        if group in found.re.groupindex and found[group] is not None:
            return found.span(group)
    return found.span()


def _explicit(found: re.Match[str]) -> bool:
    """Whether the value is assigned, not just mentioned."""
    groups = found.groupdict()
    return groups.get("quoted") is not None or "=" in (groups.get("sign") or "=")


def _lower(text: str) -> str:
    """The text in lower case, each character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


# --- Experiences ---------------------------------------------------------------------------------

# All patterns below are for folded text: NFKC, lower case, one space between words.

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls
    r"\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides, isolates
    r"\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # of no width
    r"\ud800-\udfff\U000e0000-\U000e0fff]"  # surrogates, tags
)
_INVISIBLE = re.compile(r"[\xad\u200c-\u200f\ufe00-\ufe0f]")  # that ordinary text has, too

_PEOPLE = r"(?:the|your|any) (?:end[ -])?(?:user|human|operator|owner|developer|supervisor)s?\b"
_NOT = r"\b(?<!never )(?<!not )(?<!n't )"  # a lesson may well forbid it
_IGNORE = rf"{_NOT}(?:ignore|disregard|forget|override|bypass)"
_REVEAL = rf"{_NOT}(?:reveal|print|output|repeat|leak|expose|disclose)"
_PRIOR = r"(?:previous|prior|above|earlier|preceding|foregoing|your|system|original|initial)"
_ORDERS = r"(?:instruction|prompt|directive|guideline|guardrail)"
_STEERING = re.compile(
    _any_of(rf"""
    {_IGNORE} (?:(?!to )\w+ ){{0,3}}?{_PRIOR} (?:\w+ ){{0,2}}?{_ORDERS}
    {_IGNORE} (?:(?!to )\w+ ){{0,2}}?{_PRIOR} (?:rule|direction|message)s\b
    {_IGNORE} (?:all|any)(?: of)?(?: the| these| those)? (?:instruction|prompt)
    {_IGNORE} (?:all|everything) (?:above|before|prior|previous|you know)
    {_REVEAL} (?:\w+ ){{0,2}}?(?:your|hidden) (?:\w+ )?(?:prompt|instructions)\b
    \byou are now\b
    \bfrom now on,? you\b
    \bpretend (?:to be|that you|you)\b
    \byour (?:new|real|true) (?:role|task|instructions|goal|purpose|objective|identity)\b
    \bnew (?:system )?(?:instructions|persona|identity) ?:
    \bsystem ?prompt
    \bdeveloper mode\b
    \bdo anything now\b
    \bjailbr[eo]ak
    \b(?:do not|don't|never|without|avoid) (?:tell|inform|notify|alert|warn)(?:ing)? {_PEOPLE}
    \b(?:hide|conceal|keep|withhold) (?:this|it|that) (?:\w+ )?from {_PEOPLE}
    \b(?:secretly|covertly)\b
    """)
)
_TAG = (
    r"(?:experiences?|attempts?|trajector(?:y|ies)|lessons?|instructions?|system|assistant|human"
    r"|tool_(?:calls?|use|results?|response)|function_(?:calls?|results?)|antml:\w+|invoke)"
)
_END_TAG = (
    r"(?:task|summary|context|documents?|user|prompt|feedback|reward|ground_?truth|policy"
    r"|operations?|requests?|untrusted\w*|data|think(?:ing)?)"
)
_MARKUP = re.compile(
    _any_of(rf"""
    <\|[\w-]{{1,40}}\|>                                     # ChatML and its kin
    \[/?inst\]
    <</?sys>>
    <(?:start|end)_of_turn>
    </?s>
    <{_TAG}\b[^<>]{{0,80}}>
    < ?/ ?(?:{_TAG}|{_END_TAG})\b[^<>]{{0,80}}>
    (?:^|[.!?] |##+ ?)(?:system|assistant|human) ?:
    """)
)
_TLD = (
    r"(?:com|org|net|edu|gov|io|dev|ai|app|co|info|biz|xyz|me|sh|ly|gg|cc|tv|site|online|ru|cn|de"
    r"|uk|fr|eu|us|jp|br|ca|ch|nl|pl|cloud|tech|link|club)"
)
_LINK = re.compile(
    _any_of(rf"""
    \b[a-z][\w+.-]{{1,20}}://\S{{0,20}}
    ://
    \bwww\.\w\S{{0,20}}
    \b(?:mailto|javascript):
    \bdata:\w+/
    \b[\w.+-]{{1,64}}@[\w-]{{1,63}}\.[a-z]{{2,}}
    (?<![\w@./-])(?:[a-z0-9-]{{1,63}}\.){{1,5}}{_TLD}(?::\d{{1,5}})?/[\w~%?#-]
    \b\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}}\b|/[a-z_~])
    (?<![\w)\]])\[[^\]\n]{{1,200}}\]\( ?[^)\s]{{0,200}}?[/.#]    # Markdown
    <(?:a|img|iframe|script|form|link)\b[^>]{{0,200}}?(?:href|src|action) ?=
    """)
)
# Before a word of prose, a command is talked about and not given: "when npm install fails".
_NO_PROSE = (
    r"(?!(?:an?|the|th[ae]t|this|these|it|its|is|was|are|be|or|and|but|not|no|if|when|whenever|as"
    r"|while|to|for|from|in|into|on|at|of|by|with|without|before|after|again|only|once|first|then"
    r"|than|until|unless|because|since|so|instead|rather|may|might|can|cannot|could|should|must"
    r"|will|would|needs?|fail(?:s|ed|ing|ure)?|succe\w+|works?|takes|hangs|does|do|has|had|all|any"
    r"|privileges?|access|rights?|permissions?|passwords?|commands?|steps?|errors?|output|missing"
    r"|dependencies|packages?|both)\b)"
)
_FETCH = r"\b(?:curl|wget|iwr|irm|invoke-webrequest|invoke-restmethod)\b[^\n|]{0,300}\|"
_SHELL = r"(?:sudo )?(?:ba|z|da|k|fi)?sh\b"
_INTERPRETER = r"(?:sudo )?(?:python\d?|perl|ruby|node|php|iex|powershell|pwsh)\b"
_MANAGER = (
    r"\b(?:pip[\d.]*|pipx|uv(?: pip)?|conda|npm|pnpm|yarn|bun|gem|cargo|brew|snap|apk|dnf|yum"
    r"|apt(?:-get)?|choco|winget)"
)
_INSTALL = r"(?:install|add|i|remove|uninstall|purge)"
_SYSTEM = r"(?:useradd|usermod|adduser|iptables|systemctl (?:stop|disable|mask|enable|start))"
_COMMAND = re.compile(
    _any_of(rf"""
    {_FETCH} ?{_INTERPRETER}
    \| ?{_SHELL}(?! ?\|)
    \b(?:bash|sh|zsh|eval|source) (?:-c )?["']?(?:<\(|\$\(|`) ?(?:curl|wget|base64|echo)\b
    \bbase64 (?:-d|--decode)\b[^\n|]{{0,100}}\|
    \b(?<!\\)rm (?:-[\w-]+ ){{0,4}}-(?:-recursive|-force|\w*[rf]\w*)\b
    \bsudo {_NO_PROSE}[\w./~-]+
    \b(?:su|runuser) -c\b
    \bchmod (?:-\w+ )?(?:[0-7]{{3,4}}|[ugoa]*\+[rwxs]+)\b
    \bchown (?:-\w+ )?\w+:
    {_MANAGER} (?:-[\w=-]+ ){{0,3}}{_INSTALL} {_NO_PROSE}[\w@./~'"-]+
    \bgo (?:install|get) [\w-]+[./]
    \b(?:npx|uvx) {_NO_PROSE}[\w@-]+
    \bgit push (?:[\w./-]+ ){{0,4}}(?:--force|-f\b|--mirror|--delete)
    \bgit clean -\w*f
    \bpowershell(?:\.exe)?\b[^\n]{{0,100}}? -(?:ec?|enc\w*|ep|executionpolicy)\b
    \b(?:invoke-expression|iex|set-executionpolicy) ?[\w('"$-]
    \bremove-item\b[^\n]{{0,100}}-(?:recurse|force)
    \b(?:rmdir|rd|del) /[sqf]\b
    \bmkfs(?:\.\w+)? /?\w
    \bdd [^\n]{{0,100}}\bof=
    /dev/(?:tcp|udp|sd[a-z]|nvme)
    >>? ?(?:~/\.|\$home/\.|/etc/|/root/)
    \bcrontab -(?!l)
    \b(?:nc|ncat|netcat) [^\n]{{0,60}}-e\b
    \b(?:shutdown|reboot|poweroff) -\w
    \bkill(?:all)? -(?:9|kill)\b
    :\(\) ?\{{
    \b{_SYSTEM} {_NO_PROSE}[\w./-]+
    \bdrop (?:table|database|schema) if exists\b
    \b(?:drop (?:table|database|schema)|truncate table) ["'`]?[\w.]+["'`]?(?: cascade)? ?;
    """)
)
_IN_WORDS = "leave it out and say in words what"


def objection(text: str, policy: Policy) -> str | None:
    """Why this text may not be an experience, said to whoever proposed it; None if it may."""
    if hidden := _HIDDEN.search(text):
        return (
            f"it contains an invisible or control character (U+{ord(hidden[0]):04X}): write the "
            "lesson in plain visible text"
        )
    if secret := next(_secrets(text), None):
        return f"it contains what looks like a secret ({secret[2]}): leave secrets out"
    folded = _folded(text)
    if found := _MARKUP.search(folded):
        return f"it contains markup of prompts ({_quoted(found)}): leave tags and role markers out"
    if found := _STEERING.search(folded):
        return (
            f"it speaks to its reader's instructions ({_quoted(found)}): {_IN_WORDS} to do in "
            "which situation of the task"
        )
    if not policy.allow_links and (found := _LINK.search(folded)):
        return f"it contains a link or address ({_quoted(found)}): {_IN_WORDS} is found there"
    if not policy.allow_commands and (found := _COMMAND.search(folded)):
        return (
            "it contains a command that changes a machine or fetches code "
            f"({_quoted(found)}): {_IN_WORDS} should be achieved"
        )
    return None


def _quoted(found: re.Match[str]) -> str:
    return repr(found[0].strip()[:40])


def _folded(text: str) -> str:
    """The text as it is compared: what looks the same is the same."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return " ".join(folded.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
