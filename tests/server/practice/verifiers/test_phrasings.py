"""Right answers however they are phrased, and wrong ones: the table in `phrasings/`."""

from __future__ import annotations

import pytest

from server.practice.verifiers import VerifierError, make_verifier
from server.practice.verifiers.protocol import AnswerVerifier
from tests.parameters import first_of
from tests.server.practice.verifiers.phrasing_table import Phrasing, phrasings
from tests.server.practice.verifiers.verifier_builders import reward

TABLE = phrasings()
EVERY = {"math": 6}  # math-verify is slow: one phrasing of so many, all of them when exhaustive


async def judged_wrongly(verifier: AnswerVerifier, phrasing: Phrasing) -> bool:
    try:
        earned = await reward(verifier, phrasing.truth, phrasing.text)
    except VerifierError:
        return phrasing.right
    return (earned == 1) != phrasing.right


@pytest.mark.usefixtures("packages_imported_once")
@pytest.mark.parametrize("name", ["math", "number", "match"])
@pytest.mark.parametrize("others", first_of(False, True))
async def test_answers_are_judged_by_what_they_say(name: str, *, others: bool) -> None:
    verifier = make_verifier(name, judge=None)
    assert isinstance(verifier, AnswerVerifier)
    asked = [phrasing for phrasing in TABLE if phrasing.verifier == name]
    chosen = [p for n, p in enumerate(asked) if p.first and n % EVERY.get(name, 1) == 0]
    surprises = [
        (phrasing.part, phrasing.truth, phrasing.text, phrasing.right)
        for phrasing in (asked if others else chosen)
        if await judged_wrongly(verifier, phrasing) != phrasing.known
    ]
    await verifier.close()
    assert not surprises, "\n".join(map(repr, surprises))


def test_the_table_is_large() -> None:
    for name in ("math", "number", "match"):
        right = {(p.truth, p.text) for p in TABLE if p.verifier == name and p.right}
        wrong = {(p.truth, p.text) for p in TABLE if p.verifier == name and not p.right}
        assert len(right) > 300
        assert len(wrong) > 200
