"""What every backend must do with libraries and their versions."""

from __future__ import annotations

import pytest

from experience_store.errors import BadInputError, LibraryNotFoundError, NotFoundError
from experience_store.library import Policy
from experience_store.operations import Add, Retire, Revise
from experience_store.store import Store, libraries
from tests.builders import add, operation
from tests.experience_store.store.learning import entries, learned


async def test_a_library_is_created_on_first_use(store: Store) -> None:
    made = await store.libraries.ensure("support-desk")

    assert (made.head, made.size) == (0, 0)
    assert await store.libraries.names("supp") == ("support-desk",)
    assert (await store.libraries.version("support-desk", 0)).parent is None


@pytest.mark.parametrize("name", ["", "Has Capitals", "../up", "a/b", "-a", "a" * 65, "ü"])
async def test_an_invalid_library_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInputError, match="is not a valid library name"):
        await store.libraries.ensure(name)


async def test_an_unknown_library_gets_a_suggestion(store: Store) -> None:
    with pytest.raises(LibraryNotFoundError, match="there are no libraries yet"):
        await store.libraries.get("airlines")
    await store.libraries.edit("airline", [Add("", "Check first.")], author="cli", note="")
    await store.libraries.ensure("retail")

    for name in ("airlines", "AIRLINE"):
        with pytest.raises(LibraryNotFoundError, match=r"did you mean 'airline' \(1 experience\)"):
            await store.libraries.get(name)
    with pytest.raises(
        LibraryNotFoundError,
        match=r"existing libraries: 'airline' \(1 experience\), 'retail' \(0 experiences\)$",
    ):
        await store.libraries.get("zzz")


async def test_of_many_libraries_the_near_one_is_suggested(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "MAX_COMPARED", 2)
    for name in ("a", "b", "c", "support"):
        await store.libraries.ensure(name)

    with pytest.raises(LibraryNotFoundError, match="did you mean 'support'"):
        await store.libraries.get("suport")


async def test_objectives_and_policy_are_kept(store: Store) -> None:
    policy = Policy(max_words=20, min_spread=0.5, learn_without_rewards=True)
    await store.libraries.describe(
        "lib", agent_objective="books flights", learning_objective=None, policy=policy
    )

    kept = await store.libraries.get("lib")

    assert (kept.agent_objective, kept.policy) == ("books flights", policy)


async def test_a_version_is_immutable_and_a_rollback_makes_a_new_one(store: Store) -> None:
    await learned(store, add("When one, do one."))
    await learned(store, operation("Revise", "G1", experience="When one, do two."))
    await learned(store, add("When three, do three."))

    rolled = await store.libraries.roll_back("lib", 1, author="cli", note="back")

    assert await entries(store) == {"G1": "When one, do one."}
    assert await entries(store, 3) == {"G1": "When one, do two.", "G2": "When three, do three."}
    assert (rolled.number, rolled.parent, rolled.note) == (4, 3, "back")


async def test_an_id_is_never_reused_even_after_a_rollback(store: Store) -> None:
    await learned(store, add("When one, do one."))
    await store.libraries.roll_back("lib", 0, author="cli", note="back")
    await learned(store, add("When two, do two."))

    assert await entries(store) == {"G2": "When two, do two."}


async def test_an_edit_makes_a_version_and_an_invalid_one_changes_nothing(store: Store) -> None:
    await store.libraries.edit("lib", [Add("n", "Do this.")], author="cli", note="by hand")

    with pytest.raises(BadInputError, match="G9"):
        await store.libraries.edit("lib", [Retire("G1"), Retire("G9")], author="cli", note="")

    assert await entries(store) == {"G1": "Do this."}


async def test_an_experience_is_traced_to_the_answers_and_attempts_that_made_it(
    store: Store,
) -> None:
    await learned(store, add("When one, do one."))
    await learned(store, operation("Revise", "G1", experience="When one, do two."))
    await learned(store, operation("Retire", "G1"))

    trace = await store.libraries.provenance("lib", "g1")

    assert [type(o.operation) for o in trace.origins] == [Add, Revise, Retire]
    assert not trace.current
    first = trace.origins[0]
    assert [a.reward for a in first.groups[0].attempts] == [1.0, 0.0]
    assert "It checked first." in first.answers[0].text
    assert first.author == "host test"


async def test_a_missing_version_experience_update_or_group_is_named(store: Store) -> None:
    await store.libraries.ensure("lib")

    with pytest.raises(NotFoundError, match="it has 0 to 0"):
        await store.libraries.state("lib", 4)
    with pytest.raises(NotFoundError, match="never had"):
        await store.libraries.provenance("lib", "G1")
    with pytest.raises(NotFoundError, match=r"update .* does not exist"):
        await store.updates.get("update-1")
    with pytest.raises(NotFoundError, match="no group"):
        await store.groups.get("lib", "g")
