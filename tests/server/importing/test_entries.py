"""What a file is, is seen in its contents: lines, documents, compressed or damaged ones."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pytest

from server.importing import entries
from server.importing.entries import BadEntry, Place, read_entries

NO_OBJECT = "is not a JSON object; write one object per line"
ONE, TWO = {"n": 1}, {"n": 2}


def seen(data: bytes | str) -> list[str]:
    """The entries of a file, or what is wrong, each with its place."""
    raw = data if isinstance(data, bytes) else data.encode()
    found = list(read_entries(io.BufferedReader(io.BytesIO(raw))))
    return [
        f"{entry.place.after('f')} "
        + (entry.reason if isinstance(entry, BadEntry) else json.dumps(entry.value))
        for entry in found
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"n": 1}\n{"n": 2}\n', ['f:1 {"n": 1}', 'f:2 {"n": 2}']),
        ('\ufeff{"n": 1}\r\n\r\n{"n": 2}', ['f:1 {"n": 1}', 'f:3 {"n": 2}']),
        ('[{"n": 1}, {"n": 2}]', ['f[0] {"n": 1}', 'f[1] {"n": 2}']),
        ('\ufeff\n[\n{"n": 1},\n3]', ['f[0] {"n": 1}', f"f[1] {NO_OBJECT}"]),
        ('{\n"n": 1\n}', ['f {"n": 1}']),
        ('{\n"n": 1\n}\n{\n"n": 2\n}\n', ['f document 1 {"n": 1}', 'f document 2 {"n": 2}']),
        ('[{"n": 1}]\n[{"n": 2}]\n', ['f document 1 [0] {"n": 1}', 'f document 2 [0] {"n": 2}']),
        ("", []),
        ("[]", ["f is an empty array"]),
    ],
)  # fmt: skip
def test_lines_and_documents_are_told_apart_by_their_contents(
    text: str, expected: list[str]
) -> None:
    assert seen(text) == expected


def test_an_invalid_document_is_reported_once_and_lines_one_by_one() -> None:
    (said,) = seen('[\n{"n": 1},\n{"n": 2},,\n{"n": 3}\n]')
    assert said.startswith("f is not JSON (")
    assert "at line 3, column 10" in said
    assert len(seen('{\n"n": 1,\n"m": [1, 2\n')) == 1
    assert len(seen('{"n" 1}\n{"n" 2}\n{"n": 3}\n')) == 3
    assert seen("[" * 100_000) == ["f is nested too deeply"]


def test_compressed_files_are_decompressed() -> None:
    lines = json.dumps(ONE) + "\n" + json.dumps(TWO)
    assert seen(gzip.compress(lines.encode())) == ['f:1 {"n": 1}', 'f:2 {"n": 2}']
    assert seen(gzip.compress(gzip.compress(b'{"n": 1}'))) == ['f:1 {"n": 1}']
    assert seen(gzip.compress(b'[{"n": 1}]')) == ['f[0] {"n": 1}']
    (*_, said) = seen(gzip.compress(lines.encode())[:-12])
    assert said.startswith("f is damaged or cut off")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x28\xb5\x2f\xfdrest", "decompress it with `zstd -d FILE`"),
        (b"ARROW1\0\0", "save it as Parquet or JSON lines"),
        (b"| n |\n", "is not JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run `git lfs pull`"),
        (b"PK\x03\x04rest", "is damaged or cut off"),
        (b'{"n": "\xfc"}', "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(data: bytes, said: str) -> None:
    (found,) = seen(data)
    assert said in found


def test_a_zip_file_without_a_log_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "x")
    assert seen(packed.getvalue()) == [
        "f is a zip file, but not a log of Inspect with samples: unpack it"
    ]


def test_documents_are_bounded_and_lines_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_DOCUMENT", 40)
    (said,) = seen("[" + ", ".join([json.dumps(ONE)] * 10) + "]")
    assert "is longer than" in said or "is larger than" in said
    (said,) = seen("[\n" + ",\n".join([json.dumps(ONE)] * 10) + "]")
    assert "too much for one document; write one object per line" in said
    assert len(seen("\n".join([json.dumps(ONE)] * 10))) == 10


def test_a_place_is_named_for_people() -> None:
    assert Place(3).within("samples[1]").label == "line 3 samples[1]"
    assert Place().label == ""
