"""The table of phrasings in `phrasings/*.toml`, for the tests and for `benchmarks/verifiers.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "phrasings"


class Phrasing(BaseModel):
    """One answer to be scored.

    Attributes:
        part: The file it comes from.
        first: Whether its truth is the first of those that its text is tried with.
        known: Whether this verifier is known to judge it wrongly.
    """

    model_config = ConfigDict(frozen=True)

    part: str
    kind: str
    verifier: str
    truth: str
    text: str
    right: bool
    first: bool
    known: bool


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str
    verifiers: Sequence[str]
    truths: Sequence[str]
    right: Sequence[str] = ()
    wrong: Sequence[str] = ()
    known: Mapping[str, Sequence[str]] = {}

    def phrasings(self, part: str, verifier: str) -> list[Phrasing]:
        known = self.known.get(verifier, ())
        return [
            Phrasing(
                part=part,
                kind=self.kind,
                verifier=verifier,
                truth=truth,
                text=text.replace("@", truth),
                right=right,
                first=truth == self.truths[0],
                known=text in known,
            )
            for truth in self.truths
            for texts, right in ((self.right, True), (self.wrong, False))
            for text in texts
        ]


def phrasings() -> list[Phrasing]:
    """All of them, one for each verifier that is to score it."""
    return [
        phrasing
        for path in sorted(FOLDER.glob("*.toml"))
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["group"]
        for group in [_Group.model_validate(raw)]
        for verifier in group.verifiers
        for phrasing in group.phrasings(path.stem, verifier)
    ]
