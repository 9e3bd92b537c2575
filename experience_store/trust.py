"""What must not be stored, and what must not be taught.

Trajectories are untrusted: web pages and tool output are in them. Secrets are redacted before a
trajectory is stored (`redact`). What is distilled from trajectories is put into the prompts of
other agents, so an experience that carries a secret, a link, a command or an attempt to steer its
reader is refused, with the reason (`objection`).

Both are tables of patterns. No such table is complete, and it is the second line behind delimiting
and review, so it leans towards ordinary text: what merely resembles a secret (an order number, a
word after "password:") is left alone. Every quantifier is bounded or cannot backtrack, since the
text is hostile.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experience_store.library import Policy

# --- Secrets -------------------------------------------------------------------------------------

# Tokens that are known by how they begin. Each is one long unbroken word, and ordinary text has
# few of those; so only words of MIN_TOKEN_CHARS and more are compared with this table.
MIN_TOKEN_CHARS = 20
_TOKENS = {
    "api-key": r"""
        (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])   # AWS access key id
        AIza[\w-]{35}                                        # Google
        GOCSPX-[\w-]{20,}                                    # Google OAuth client secret
        sk-(?=[A-Za-z_-]{0,64}\d)[\w-]{20,}                  # OpenAI, Anthropic, OpenRouter, ...
        [rs]k_(?:live|test)_\w{10,}                          # Stripe
        whsec_\w{24,}                                        # Stripe webhook
        gsk_\w{40,}                                          # Groq
        xai-\w{40,}                                          # xAI
        (?:pplx|tvly(?:-dev)?|fc)-[A-Za-z0-9]{24,}           # Perplexity, Tavily, Firecrawl
        SG\.[\w-]{16,}\.[\w-]{16,}                           # SendGrid
        key-[0-9a-f]{32}                                     # Mailgun
        dapi[0-9a-f]{32}                                     # Databricks
        lin_api_\w{32,}                                      # Linear
        PMAK-[0-9a-f]{24}-[0-9a-f]{34}                       # Postman
        NRAK-[A-Z0-9]{27}                                    # New Relic
        AGE-SECRET-KEY-1[A-Z0-9]{58}                         # age""",
    "token": r"""
        gh[pousr]_\w{30,}                                    # GitHub
        github_pat_\w{22,}
        gl(?:pat|dt|rt|ptt|cbt|ft|oas|agent|soat)-[\w.-]{20,} # GitLab
        xox[abeoprs](?:\.xox[bp])?-[\w-]{10,}                # Slack
        xapp-\d-[\w-]{10,}
        ya29\.[\w-]{20,}                                     # Google OAuth
        hf_[A-Za-z0-9]{30,}                                  # Hugging Face
        npm_[A-Za-z0-9]{30,}
        pypi-[\w-]{40,}
        do[opr]_v1_[0-9a-f]{60,}                             # DigitalOcean
        dckr_(?:pat|oat)_[\w-]{20,}                          # Docker
        hvs\.[\w-]{20,}                                      # Vault
        shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}                   # Shopify
        sntry[su]_[\w+/=-]{30,}                              # Sentry
        sbp_[0-9a-f]{40}                                     # Supabase
        r8_\w{37,}                                           # Replicate
        ntn_\w{40,}                                          # Notion
        eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*                 # JWT""",
}


def _token_pattern() -> re.Pattern[str]:
    """One pattern for all tokens; the name of the group that matched is the kind."""
    groups: list[str] = []
    for kind, table in _TOKENS.items():
        rows = "|".join(row.split(" #")[0].strip() for row in table.strip().splitlines())
        groups.append(f"(?P<{kind.replace('-', '_')}>{rows})")
    # Where the text is JSON, the word may stand behind an escaped line end: "\\nghp_..."
    return re.compile(rf"(?:(?<=\\)[nrt])?[._-]*+(?:{'|'.join(groups)})")
