"""Secrets, made up here so that no scanner mistakes this file for a leak."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
HEX = "0123456789abcdef"


def fake(alphabet: str, length: int) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


JWT = ".".join(["eyJ" + fake(LETTERS, 20), "eyJ" + fake(LETTERS, 40), fake(LETTERS, 43)])
TOKENS = [
    ("api-key", "AKIA" + fake(UPPER, 16)),
    ("api-key", "ASIA" + fake(UPPER, 16)),
    ("api-key", "AIza" + fake(LETTERS, 35)),
    ("api-key", "sk-" + fake(LETTERS, 48)),
    ("api-key", "sk-proj-" + fake(LETTERS, 40) + "_" + fake(LETTERS, 30)),
    ("api-key", "sk-ant-api03-" + fake(LETTERS, 93)),
    ("api-key", "sk_" + "live_" + fake(LETTERS, 24)),
    ("api-key", "rk_" + "test_" + fake(LETTERS, 24)),
    ("api-key", "gsk_" + fake(LETTERS, 52)),
    ("api-key", "SG." + fake(LETTERS, 22) + "." + fake(LETTERS, 43)),
    ("token", "ghp_" + fake(LETTERS, 36)),
    ("token", "ghs_" + fake(LETTERS, 36)),
    ("token", "github_pat_" + fake(LETTERS, 22) + "_" + fake(LETTERS, 59)),
    ("token", "glpat-" + fake(LETTERS, 20)),
    ("token", "xoxb-" + fake("0123456789", 12) + "-" + fake(LETTERS, 24)),
    ("token", "hf_" + fake(LETTERS, 34)),
    ("token", "npm_" + fake(LETTERS, 36)),
    ("token", "pypi-AgEIcHlwaS5vcmc" + fake(LETTERS, 60)),
    ("token", "dop_v1_" + fake(HEX, 64)),
    ("token", JWT),
]
# each vendor's form: what stands before the random part, its alphabet and length, what follows
_VENDORS = [
    *[("sk-svcacct-", LETTERS, 60, ""), ("sk-or-v1-", HEX, 64, ""), ("csk-", LETTERS, 48, "")],
    *[("AQ.Ab8RN6", LETTERS, 44, ""), ("ABSKQmVkcm9ja0FQ", LETTERS, 99, "=")],
    *[("nvapi-", LETTERS, 64, ""), ("pa-", LETTERS, 43, ""), ("jina_", LETTERS, 60, "")],
    *[("fw_", LETTERS, 24, ""), ("tgp_v1_", LETTERS, 43, ""), ("sk_", HEX, 48, "")],
    *[("lsv2_pt_", HEX, 32, "_0123456789"), ("wandb_v1_", LETTERS, 77, "")],
    *[("pcsk_", LETTERS, 70, ""), ("esecret_", HEX, 28, ""), ("api_org_", LETTERS, 34, "")],
    *[("BSA", LETTERS, 28, ""), ("sb_secret_", LETTERS, 31, ""), ("napi_", HEX, 64, "")],
    *[("pscale_tkn_", LETTERS, 43, ""), ("nfp_", LETTERS, 36, ""), ("vcp_", LETTERS, 56, "")],
    *[("HRKU-", LETTERS, 60, ""), ("rnd_", LETTERS, 28, ""), ("fm2_", LETTERS, 99, "==")],
    *[("re_12345678_", LETTERS, 24, ""), ("EAAB", LETTERS, 99, ""), ("figd_", LETTERS, 40, "")],
    *[("MTA", LETTERS, 21, ".aBcDeF." + "x1" * 19), ("1085149251:AA", LETTERS, 33, "")],
    *[("patAbCdEfGhIjKlMn.", HEX, 64, ""), ("lin_oauth_", HEX, 64, "")],
    *[("ATATT3xFfGF0", LETTERS, 170, "=1A2B3C4D"), ("ATBB", LETTERS, 32, "")],
    *[("glsa_", LETTERS, 32, "_12345678"), ("hvb.", LETTERS, 90, ""), ("dp.pt.", LETTERS, 43, "")],
    *[("AbCdEfGhIjKlMn.atlasv1.", LETTERS, 64, ""), ("ops_eyJ", LETTERS, 200, "")],
    *[("rubygems_", HEX, 48, ""), ("pul-", HEX, 40, ""), ("AKCp8", LETTERS, 68, "")],
    *[("xkeysib-", HEX, 64, "-AbCdEfGhIjKlMnOp"), ("sgp_", HEX, 57, ""), ("LTAI", LETTERS, 20, "")],
    *[("pat-na1-0a1b2c3d-0a1b-0a1b-0a1b-", HEX, 12, ""), ("AKID", LETTERS, 32, "")],
    *[("SK", HEX, 32, ""), ("", HEX, 32, "-us12"), ("sk.eyJ1", LETTERS, 60, "." + "aB3" * 8)],
    *[("sha256~", LETTERS, 43, ""), ("abc8Q~", LETTERS, 34, ""), ("1//0", LETTERS, 60, "")],
    *[("shippo_live_", HEX, 40, ""), ("CCIPAT_", LETTERS, 60, ""), ("bkua_", HEX, 40, "")],
    *[("tskey-auth-", LETTERS, 40, ""), ("apify_api_", LETTERS, 36, ""), ("e2b_", HEX, 40, "")],
    *[("glc_eyJ", LETTERS, 60, ""), ("dt0c01.", UPPER, 24, "." + fake(UPPER, 64))],
    *[("phx_", LETTERS, 43, ""), ("bb_live_", LETTERS, 27, ""), ("ak-", LETTERS, 22, "")],
]
VENDORS = [before + fake(alphabet, length) + after for before, alphabet, length, after in _VENDORS]
KEY_BODY = "\n".join(fake(LETTERS, 64) for _ in range(4))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\nabc=\n-----END RSA PRIVATE KEY-----"
AWS_SECRET = fake(LETTERS, 20) + "/" + fake(LETTERS, 19)
# kind, text, and the secret in it
NAMED = [
    ("password", "password=hunter2", "hunter2"),
    ("password", "PASSWORD = swordfish", "swordfish"),
    ("password", 'db_password: "correct!horse"', "correct!horse"),
    ("password", "Password: Tr0ub4dor&3", "Tr0ub4dor"),
    ("password", "my password is hunter2, thanks", "hunter2"),
    ("password", '{"user": "a", "password": "swordfish"}', "swordfish"),
    ("password", r"{\"passwd\": \"swordfish\", \"x\": 1}", "swordfish"),
    ("password", r"{\\\"password\\\": \\\"swordfish\\\"}", "swordfish"),
    ("password", 'def connect(password: str = "swordfish")', "swordfish"),
    ("password", "Server=db;User Id=sa;Pwd=swordfish;Encrypt=yes", "swordfish"),
    ("password", "mysql --password hunter2 -u root", "hunter2"),
    ("password", "curl -s -u admin:swordfish http://localhost/", "swordfish"),
    ("password", "git clone https://bob:s3cr3t@github.com/a/b.git", "s3cr3t"),
    ("connection-string", "postgresql://app:swordfish@db:5432/prod", "app:swordfish"),
    ("connection-string", "mongodb+srv://app:p%40ss@cluster0.example.net", "app:p%40ss"),
    ("connection-string", "redis://:swordfish@cache:6379/0", ":swordfish"),
    ("connection-string", f"AccountKey={fake(LETTERS, 86)}==;", fake(LETTERS, 86)),
    ("api-key", f"aws_secret_access_key = {AWS_SECRET}", AWS_SECRET),
    ("api-key", f'"SecretAccessKey": "{AWS_SECRET}"', AWS_SECRET),
    ("secret", f"client_secret: {fake(LETTERS, 32)}", fake(LETTERS, 32)),
    ("api-key", f'"api_key": "{fake(HEX, 32)}"', fake(HEX, 32)),
    ("api-key", f"X-Api-Key: {fake(HEX, 32)}", fake(HEX, 32)),
    ("api-key", f"apiKey='{fake(LETTERS, 24)}'", fake(LETTERS, 24)),
    ("api-key", f"?api_key={fake(HEX, 20)}&page=2", fake(HEX, 20)),
    ("token", f"access_token={fake(LETTERS, 40)}&x=1", fake(LETTERS, 40)),
    ("token", f"--token {fake(HEX, 40)}", fake(HEX, 40)),
    ("token", f"Authorization: Bearer {fake(LETTERS, 30)}", fake(LETTERS, 30)),
    ("token", "Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("token", r"{\"Authorization\": \"Bearer " + fake(HEX, 24) + r"\"}", fake(HEX, 24)),
    ("token", f"Cookie: sid={fake(LETTERS, 32)}; theme=dark", fake(LETTERS, 32)),
    ("token", f'"set-cookie": "a=b; sid={fake(HEX, 32)}"', fake(HEX, 32)),
    ("token", f"https://{fake(LETTERS, 40)}@example.com/a.git", fake(LETTERS, 40)),
    ("token", f"https://b.example.com/k?X-Amz-Signature={fake(HEX, 64)}&a=1", fake(HEX, 64)),
    ("api-key", f"https://example.com/v1?key={fake(LETTERS, 32)}", fake(LETTERS, 32)),
    ("api-key", f"MISTRAL_KEY={fake(LETTERS, 32)}", fake(LETTERS, 32)),
    ("password", "'SMTP_PASS': 'swordfish'", "swordfish"),
    ("token", "https://hooks.slack.com/services/T0/B0/" + fake(LETTERS, 24), fake(LETTERS, 24)),
    ("private-key", PEM, KEY_BODY),
    ("private-key", json.dumps(PEM), json.dumps(KEY_BODY)[1:-1]),
    ("private-key", PEM.partition("\nabc=")[0], KEY_BODY),
]


def strings(value: object) -> Iterator[str]:
    """Each string within a decoded value, as it reads."""
    if isinstance(value, str):
        yield value
    # A new decoding of each part keeps its type plain: object in, text out.
    elif isinstance(value, dict | list):
        for text in re.findall(r'"(?:[^"\\]|\\.)*"', json.dumps(value)):
            yield str(json.loads(text))
