"""Operations and the ids in them."""

from __future__ import annotations

from experience_store.operations import normalise_id


def test_an_id_is_normalised_and_an_overlong_one_is_none() -> None:
    assert normalise_id(f"[{' ' * 1_000_000}x") is None
    assert normalise_id(" [ G07 ]. ") == "G7"
