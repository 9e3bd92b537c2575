"""Redaction: secrets are replaced by their kind before a text is stored.

A secret is recognised by its prefix, such as `ghp_` or `AKIA` (the table below), or by the name it
is assigned to, as in `password=...` (`secret_names`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from experience_store.safety.secret_names import by_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def redact(text: str) -> tuple[str, int]:
    """Replace each secret by `[redacted:<kind>]`; returns the text and the number of secrets."""
    parts: list[str] = []
    position = 0
    for start, end, kind in secrets(text):
        parts += [text[position:start], f"[redacted:{kind}]"]
        position = end
    if not parts:
        return text, 0
    return "".join([*parts, text[position:]]), len(parts) // 2


def secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each secret, in order; overlapping ones count as the first."""
    last: tuple[int, int, str] | None = None
    for start, end, kind in sorted([*by_prefix(text), *by_name(text)]):
        if last is None:
            last = start, end, kind
        elif start < last[1]:
            last = last[0], max(end, last[1]), last[2]
        else:
            yield last
            last = start, end, kind
    if last:
        yield last


def any_of(table: str) -> str:
    r"""A pattern that matches any row of a table. Two spaces and # start a comment.

    Rows that start with `\b` are tried only at the start of a word.
    """
    rows = [re.sub(r"  +#.*", "", row).strip() for row in table.strip().splitlines()]
    at_words = "|".join(row.removeprefix(r"\b") for row in rows if row.startswith(r"\b"))
    anywhere = [row for row in rows if not row.startswith(r"\b")]
    return "|".join([rf"\b(?=\w)(?:{at_words})", *anywhere] if at_words else anywhere)


_MIN_TOKEN = 20  # characters; ordinary text has few words as long, so only those are looked up
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
    """One pattern for all tokens, with a group per kind."""
    kinds = "|".join(
        f"(?P<{kind.replace('-', '_')}>{any_of(table)})" for kind, table in _TOKENS.items()
    )
    # In JSON a token may follow an escaped line break, whose letter looks like part of it.
    return re.compile(rf"(?:(?<=\\)[nrt])?[._-]*+(?:{kinds})", re.ASCII)


_TOKEN = _token_pattern()


def by_prefix(text: str) -> Iterator[tuple[int, int, str]]:
    """Secrets recognised by their prefix.

    Long words are found in a copy of the text in which every word character is an "a", which is
    ten times as fast as a regular expression.
    """
    shape = text.encode("ascii", "replace").translate(_WORD_BYTES)
    long_word = b"a" * _MIN_TOKEN
    start = shape.find(long_word)
    while start >= 0:
        if (token := _TOKEN.match(text, start)) and token.lastgroup:
            yield *token.span(token.lastgroup), token.lastgroup.replace("_", "-")
        end = shape.find(b" ", start)
        start = shape.find(long_word, end) if end >= 0 else -1
