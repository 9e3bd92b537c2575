"""Secrets are found by their form and by their name, and replaced by their kind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from experience_store.safety.redaction import redact
from tests.experience_store.safety.samples import JWT, NAMED, PEM, TOKENS, VENDORS, strings
from tests.paths import DATA

ORDINARY = [
    "The payment methods are credit_card_4421486, certificate_7504069 and gift_card_8887175.",
    "Reservation 4WQ150 of mia_li_3668 on HAT069; commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "Ask for the password: the customer must confirm. Password: required. The password is wrong.",
    "def login(user: str, password: str, token: str | None = None) -> None:",
    "login(user=user, password=password, token=args.token, api_key=get_api_key())",
    "client = Client(api_key=os.environ['OPENAI_API_KEY'], secret=settings.client_secret)",
    'api_key = "your-api-key-here", token = "<token>", password = "${PASSWORD}", secret: "****"',
    'password=$DB_PASSWORD token="{{ token }}" --password $PASS --token <token>',
    "max_tokens=4096, total_tokens: 1532, token: 17, 'token': ' hello', tokens=[1, 2]",
    "The secret: always check twice. Secret santa is on 2024-12-24.",
    "task-based ask-first risk-adjusted desk-research-methodology-of-2024-and-before",
    "sk-learn-based-ensemble-methods-and-more hf_hub_download_with_progress_bar_shown",
    "Authorization: Bearer tokens expire. Use Basic authentication or bearer authentication.",
    "Authorization: Bearer YOUR_ACCESS_TOKEN",
    "http://localhost:8080/@scope/pkg mailto:a@b.c ssh://git@github.com/a/b, 10:30@noon",
    "See https://example.com:443/a?b=c and https://example.com:80,mail@b.com",
    "PWD=/home/user/project2 OLDPWD=/tmp",
    "call_AbC123dEf456GhI789jKl012 chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ12 toolu_01AbCdEf23GhI",
    "primary_key=0a1b2c3d4e5f6a7b8c9d, cache_key: 'a1b2c3d4e5f6a7b8c9d0', ?key=name&sig=12",
    "Cookie: consent=accepted; theme=dark. Set-Cookie: lang=en; Path=/",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "| a | b |\n|--------------------------|------------|\n.......................... 12",
    r"$\frac{1}{2} \cdot \sum_{k=1}^{n} \binom{n}{k}$ access key concepts; private key: see above",
    "uuid 550e8400-e29b-41d4-a716-446655440000 idempotency_key=550e8400-e29b",
    "The token is expired_or_invalid_2; secret: db-creds-v2; account key figures 2024",
]


@pytest.mark.parametrize(("kind", "token"), TOKENS)
@pytest.mark.parametrize(
    "around", ["{}", "key: {} (old)", '"{}"', "x={}&y", "({}).", r"a\n{}\nb", "`{}`,", "/{}/"]
)
def test_a_token_is_replaced_by_its_kind_wherever_it_stands(
    kind: str, token: str, around: str
) -> None:
    redacted, count = redact(around.format(token))
    assert count == 1
    assert token not in redacted
    assert f"[redacted:{kind}]" in redacted


@pytest.mark.parametrize(("kind", "text", "secret"), NAMED)
def test_a_secret_is_recognised_by_its_name(kind: str, text: str, secret: str) -> None:
    redacted, count = redact(f"before {text} after")
    assert count == 1
    assert secret not in redacted
    assert f"[redacted:{kind}]" in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


@pytest.mark.parametrize(("kind", "text", "secret"), NAMED)
def test_a_secret_is_found_in_json_text_too(kind: str, text: str, secret: str) -> None:
    arguments = json.dumps({"command": text})
    for written in (arguments, json.dumps([{"arguments": arguments}])):
        redacted, count = redact(written)
        assert count == 1
        assert f"[redacted:{kind}]" in redacted
        assert secret not in redacted
        assert json.loads(redacted)


def test_the_keys_of_every_vendor_are_known_by_their_form() -> None:
    for key in VENDORS:
        for around in ("got {} here", "Bearer%20{}", r'{{"a": "\u0022{}"}}', "/a/{}/b"):
            assert key[7:] not in redact(around.format(key))[0], around.format(key)


def test_only_the_secret_is_replaced() -> None:
    assert redact('{"user": "bob", "password": "hunter2!", "n": 1}') == (
        '{"user": "bob", "password": "[redacted:password]", "n": 1}',
        1,
    )
    assert redact("https://bob:s3cr3t@host/path") == (
        "https://bob:[redacted:password]@host/path",
        1,
    )


def test_json_stays_json() -> None:
    text = json.dumps([{"password": 12345678, "secret": None, "a": "password=hunter2"}, PEM[:90]])
    redacted, _ = redact(text + json.dumps({"end": PEM[-40:]}))
    assert json.loads(redacted.partition(']{"end"')[0] + "]") == [
        {"password": 12345678, "secret": None, "a": "password=[redacted:password]"},
        "[redacted:private-key]",
    ]


def test_terminal_colours_do_not_hide_a_secret() -> None:
    assert redact("password=hunter2\x1b[0m") == ("password=[redacted:password]\x1b[0m", 1)


def test_each_secret_is_counted() -> None:
    text = "\n".join(token for _, token in TOKENS)
    redacted, count = redact(text)
    assert count == len(TOKENS)
    assert redacted.split("\n") == [f"[redacted:{kind}]" for kind, _ in TOKENS]


def test_a_secret_that_two_rules_match_counts_once() -> None:
    redacted, count = redact(f'{{"api_key": "{TOKENS[3][1]}", "Authorization": "Bearer {JWT}"}}')
    assert count == 2
    assert json.loads(redacted) == {
        "api_key": "[redacted:api-key]",
        "Authorization": "Bearer [redacted:token]",
    }


def test_letters_that_lengthen_in_lower_case_do_not_shift_the_redaction() -> None:
    assert redact("İİİ password=hunter2 İ") == ("İİİ password=[redacted:password] İ", 1)


def test_redacting_twice_changes_nothing() -> None:
    for _, text, _ in NAMED:
        once, _ = redact(text)
        assert redact(once) == (once, 0)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert redact(text) == (text, 0)
    assert redact(json.dumps({"content": text}))[1] == 0


def recorded() -> Iterator[str]:
    for path in sorted(DATA.rglob("*.json*")):
        yield path.read_text(encoding="utf-8")
    for path in sorted(DATA.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield from strings(json.loads(line))


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded rollouts at {DATA}")
def test_recorded_rollouts_contain_no_false_positives() -> None:
    for text in recorded():
        assert redact(text) == (text, 0)


@pytest.mark.parametrize(
    "unit",
    [
        *["a", "-", ".", "\\", '"', " ", "é", "İ", "=", "://", "://a:", "a:a@", "https://a:"],
        *[
            "sk-",
            "sk-a",
            "eyJ",
            "eyJaaaaaaaa.",
            "\\nghp_",
            "password=",
            "password='",
            "secret\\",
        ],
        *['token=\\"', "--password ", "curl -u a:", "bearer ", "api key ", "password is "],
        *[
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY----- -----END ",
        ],
    ],
)
def test_a_megabyte_of_hostile_text_is_redacted_in_time(unit: str, part: int) -> None:
    text = unit * (1_000_000 // part // len(unit))
    redacted, count = redact(text)
    assert (redacted == text) == (count == 0)
