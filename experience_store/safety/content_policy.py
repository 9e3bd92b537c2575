"""Why a text may not become an experience.

Other agents read an experience as advice. So it may not contain hidden characters, secrets, prompt
markup, or text that tampers with its reader's instructions; nor, unless the library's policy allows
it, links or commands that change a machine. Text is matched case-folded and normalised, so that
look-alikes are treated alike.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from experience_store.safety.pattern_tables import any_of
from experience_store.safety.redaction import secret_problem

if TYPE_CHECKING:
    from experience_store.library import Policy

# All patterns below are for folded text: NFKC, lower case, one space between words.

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls
    r"\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides, isolates
    r"\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # zero width
    r"\ud800-\udfff\U000e0000-\U000e0fff]"  # surrogates, tags
)
_INVISIBLE = re.compile(r"[\xad\u200c-\u200f\ufe00-\ufe0f]")  # also found in ordinary text

_PEOPLE = r"(?:the|your|any) (?:end[ -])?(?:user|human|operator|owner|developer|supervisor)s?\b"
_NOT = r"\b(?<!never )(?<!not )(?<!n't )"  # a lesson may forbid it
_IGNORE = rf"{_NOT}(?:ignore|disregard|forget|override|bypass)"
_REVEAL = rf"{_NOT}(?:reveal|print|output|repeat|leak|expose|disclose)"
_PRIOR = r"(?:previous|prior|above|earlier|preceding|foregoing|your|system|original|initial)"
_ORDERS = r"(?:instruction|prompt|directive|guideline|guardrail)"
_STEERING = re.compile(
    any_of(rf"""
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
    any_of(rf"""
    <\|[\w-]{{1,40}}\|>                                     # ChatML and the like
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
    any_of(rf"""
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
# Before a word of prose, a command is mentioned, not given: "when npm install fails".
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
    any_of(rf"""
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
_IN_WORDS = "remove it and say in words what"


def content_problem(text: str, policy: Policy) -> str | None:
    """Why this text may not be an experience, written for its author; None if it may."""
    if hidden := _HIDDEN.search(text):
        return (
            f"it contains an invisible or control character (U+{ord(hidden[0]):04X}): use plain, "
            "visible text"
        )
    if problem := secret_problem(text):
        return problem
    folded = _folded(text)
    if found := _MARKUP.search(folded):
        return f"it contains prompt markup ({_quoted(found)}): remove tags and role markers"
    if found := _STEERING.search(folded):
        return (
            f"it tampers with its reader's instructions ({_quoted(found)}): {_IN_WORDS} to do in "
            "which situation"
        )
    if not policy.allow_links and (found := _LINK.search(folded)):
        return f"it contains a link or address ({_quoted(found)}): {_IN_WORDS} is found there"
    if not policy.allow_commands and (found := _COMMAND.search(folded)):
        return (
            "it contains a command that changes a machine or fetches code "
            f"({_quoted(found)}): {_IN_WORDS} it should achieve"
        )
    return None


def _quoted(found: re.Match[str]) -> str:
    return repr(found[0].strip()[:40])


def _folded(text: str) -> str:
    """The text as it is matched: normalised, lower case, single spaces."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return " ".join(folded.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
