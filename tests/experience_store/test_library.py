"""Libraries and their policies."""

from __future__ import annotations

import pytest

from experience_store.errors import BadInputError
from experience_store.library import Policy


@pytest.mark.parametrize("spread", [float("inf"), float("nan"), -1.0])
def test_the_smallest_spread_must_be_finite_and_not_negative(spread: float) -> None:
    with pytest.raises(BadInputError, match="min_spread"):
        Policy(min_spread=spread)
