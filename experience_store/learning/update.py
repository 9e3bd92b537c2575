"""Training-Free GRPO's update (Cai et al., arXiv 2510.08191), as a value.

An update takes a batch of groups and one version of a library, and ends in operations on it:

1. *Summarise* each long attempt (the paper's trajectory summary). Short ones are used as they are.
2. *Compare* the attempts of each group in words (the group relative semantic advantage): why did
   the winners win, and which operations on the library follow?
3. *Consolidate* the operations of all groups (the optimisation step): one list without
   contradictions and near-duplicates. Operations without conflicts pass as they are, so a single
   one that is near nothing needs no call.
4. *Apply*: validate the list against the library. If another version was published meanwhile,
   `rebase` puts operations whose entries changed through step 3 once more.

`Update` does no I/O. `requests()` says what can be asked now, `record()` takes an answer and
returns the next `Update`, `outcome()` is there when nothing is left to ask. A driver may be a
background worker with an API key or the connected agent itself; after a crash it starts again from
the same inputs and the stored answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from experience_store.errors import NotFoundError
from experience_store.learning.bounds import only_shown
from experience_store.learning.conflicts import related_experiences
from experience_store.learning.consolidation import Round, named, round_on
from experience_store.learning.inputs import (
    GroupInput,
    PromptBudget,
    SelectedAttempts,
    Snapshot,
    choose,
    is_long,
)
from experience_store.learning.prompts import (
    Aim,
    Answer,
    Compare,
    ComparedAttempt,
    Comparison,
    Consolidate,
    Consolidation,
    FailedRequest,
    NumberedProposal,
    Request,
    Summarise,
    Summary,
)
from experience_store.learning.prompts.answers import RawAnswer
from experience_store.learning.proposals import (
    ProposalSet,
    proposals,
    refuse_if_too_long,
    refuse_if_unreadable,
)
from experience_store.learning.transcript import common_beginning
from experience_store.library import Experience, Library
from experience_store.operations import Application, Proposed, apply
from experience_store.request_id import RequestId
from experience_store.trajectory import Group, Trajectory


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """The result of an update.

    Attributes:
        application: The operations, validated against `base`, the refusals, and the new state.
        learned: Ids of the groups that were learned from.
        failed: Ids of the groups that were not, with the reason.
    """

    base: int
    application: Application
    learned: tuple[str, ...]
    failed: Mapping[str, str]


@dataclass(frozen=True)
class Update:
    """One semantic-advantage update in progress.

    Attributes:
        library: Objectives and policy.
        inputs: The groups to learn from, in order.
        snapshots: The version it began with, then one per rebase.
        budget: Limits on the driver's prompts.
        answers: Answers and failed requests, by request id.
    """

    library: Library
    inputs: tuple[GroupInput, ...]
    snapshots: tuple[Snapshot, ...]
    budget: PromptBudget
    answers: Mapping[str, Answer | FailedRequest] = field(
        default_factory=dict[str, Answer | FailedRequest]
    )

    def requests(self) -> tuple[Request, ...]:
        """The requests that are open now; empty exactly when there is an outcome."""
        return tuple(self._about_groups() or self._consolidate()[0])

    def request(self, request_id: str) -> Request:
        """The open request of this id.

        Raises:
            NotFoundError: If no such request is open.
        """
        for request in self._beside(request_id):
            if request.id == request_id:
                return request
        raise NotFoundError(f"no request {request_id[:80]!r} is open in this update")

    def record(self, request_id: str, answer: RawAnswer, *, last: bool = False) -> Update:
        """The update with this answer in it.

        Args:
            request_id: The request.
            answer: The answer, as received.
            last: Whether the request will not be asked again; if so, experiences that are too long
                are left out instead of refusing the answer.

        Raises:
            NotFoundError: If no such request is open.
            AnswerRefusedError: If the answer is invalid; the request stays open.
        """
        question = self.request(request_id).question
        read = question.read(answer)
        if isinstance(read, Comparison | Consolidation):
            refuse_if_unreadable(read.suggestions)
            if not last:
                refuse_if_too_long(read.suggestions, self.library.policy)
        if isinstance(question, Compare) and isinstance(read, Comparison):
            read = only_shown(read, {e.id for e in question.experiences})
        return replace(self, answers={**self.answers, request_id: read})

    def give_up(self, request_id: str, reason: str) -> Update:
        """The update with this request failed; whatever does not need it continues."""
        self.request(request_id)
        return replace(self, answers={**self.answers, request_id: FailedRequest(reason)})

    def _about_groups(self) -> list[Request]:
        """The open requests of steps 1 and 2; every group proceeds at its own pace."""
        return [r for n in range(1, len(self.inputs) + 1) for r in self._about_group(n)]

    def _about_group(self, number: int) -> list[Request]:
        """The open requests about one group: its summaries, then its comparison."""
        item = self.inputs[number - 1]
        if str(RequestId.compare(number)) in self.answers:
            return []
        selected = self._chosen(item.group)
        return self._unanswered(self._summaries(number, item, selected)) or [
            self._comparison(number, item, selected)
        ]

    # 1. Summarise

    def _summaries(
        self, number: int, item: GroupInput, selected: SelectedAttempts
    ) -> list[Request]:
        if not self.budget.summarise:
            return []
        shared = len(common_beginning(item.group.trajectories))
        return [
            Request(
                str(RequestId.summarise(number, position)),
                Summarise(
                    aim=self._aim,
                    group=item.group,
                    trajectory=trajectory,
                    served=self._served(item, trajectory),
                    rewarded=selected.rewarded,
                    max_tokens=self.budget.summarise_tokens,
                ),
            )
            for position, trajectory in enumerate(selected.attempts, start=1)
            if is_long(trajectory, shared, self.library.policy.summarise_above)
        ]

    # 2. Compare

    def _comparison(self, number: int, item: GroupInput, selected: SelectedAttempts) -> Request:
        question = Compare(
            aim=self._aim,
            group=item.group,
            attempts=tuple(
                ComparedAttempt(
                    trajectory,
                    item.served.get(trajectory.id, ()),
                    self._summary(str(RequestId.summarise(number, position))),
                )
                for position, trajectory in enumerate(selected.attempts, start=1)
            ),
            experiences=item.relevant,
            more_experiences=len(self.snapshots[0].state.experiences) - len(item.relevant),
            left_out=selected.left_out,
            rewarded=selected.rewarded,
            max_tokens=self.budget.compare_tokens,
        )
        return Request(str(RequestId.compare(number)), question)

    def _summary(self, request_id: str) -> str | None:
        """The summary, if there is one; an attempt whose summary failed is shortened instead."""
        answer = self.answers.get(request_id)
        return answer.text if isinstance(answer, Summary) else None

    # 3. Consolidate

    def _consolidate(self) -> tuple[list[Request], ProposalSet]:
        """Round by round up to the first with open requests: those, and the proposals before it."""
        proposed = self._proposals()
        for number in range(1, len(self.snapshots) + 1):
            round_ = round_on(self.snapshots[:number], proposed, self.budget.max_proposals)
            if open_ := self._unanswered(self._consolidations(round_)):
                return open_, proposed
            proposed = round_.after(self.answers)
        return [], proposed

    def _proposals(self) -> ProposalSet:
        """The proposals of the comparisons; those that break a rule are refused at once."""
        ids = [str(RequestId.compare(n)) for n in range(1, len(self.inputs) + 1)]
        answers = {id_: self.answers.get(id_) for id_ in ids}
        comparisons = {id_: a for id_, a in answers.items() if isinstance(a, Comparison)}
        return proposals(comparisons, self.snapshots[0].state, self.library.policy)

    def _consolidations(self, round_: Round) -> Iterator[Request]:
        for request_id, batch in round_.batches.items():
            question = Consolidate(
                aim=self._aim,
                experiences=related_experiences(batch, round_.snapshot),
                library_size=len(round_.snapshot.state.experiences),
                proposals=tuple(
                    NumberedProposal(name, proposed.operation, self._reasons_behind(proposed))
                    for name, proposed in named(batch).items()
                ),
            )
            yield Request(request_id, question)

    def _reasons_behind(self, proposed: Proposed) -> str:
        answers = [self.answers.get(source) for source in proposed.sources]
        return " ".join(a.reasons for a in answers if isinstance(a, Comparison))

    # 4. Apply

    def outcome(self) -> UpdateOutcome | None:
        """The result, or None while requests are open."""
        if self._about_groups():
            return None
        open_, proposed = self._consolidate()
        if open_:
            return None
        state = self.snapshots[-1].state
        application = apply(state, proposed.proposals, self.library.policy)
        application = replace(application, refused=(*proposed.refused, *application.refused))
        failed = self._failed(proposed.held_back)
        learned = tuple(i.group.id for i in self.inputs if i.group.id not in failed)
        return UpdateOutcome(state.version, application, learned, failed)

    def rebase(self, snapshot: Snapshot) -> Update:
        """The finished update on a newer version: proposals it affects are consolidated again."""
        return replace(self, snapshots=(*self.snapshots, snapshot))

    def _failed(self, held_back: Mapping[str, str]) -> dict[str, str]:
        """The groups without a comparison, and those held back."""
        failed: dict[str, str] = {}
        for number, item in enumerate(self.inputs, start=1):
            request_id = str(RequestId.compare(number))
            answer = self.answers.get(request_id)
            if isinstance(answer, FailedRequest):
                failed[item.group.id] = answer.reason
            elif request_id in held_back:
                failed[item.group.id] = held_back[request_id]
        return failed

    # shared

    @cached_property
    def _aim(self) -> Aim:
        return Aim.of(self.library)

    def _chosen(self, group: Group) -> SelectedAttempts:
        return choose(group, self.library.policy, most=self.budget.max_attempts)

    def _served(self, item: GroupInput, trajectory: Trajectory) -> tuple[Experience, ...]:
        experiences = self.snapshots[0].state.by_id
        served = item.served.get(trajectory.id, ())
        return tuple(experiences[i] for i in served if i in experiences)

    def _unanswered(self, requests: Iterable[Request]) -> list[Request]:
        return [r for r in requests if r.id not in self.answers]

    def _beside(self, request_id: str) -> Sequence[Request]:
        """The open requests that may include one with this id."""
        id_ = RequestId.parse(request_id)
        if id_ is None:
            return ()
        if id_.group is None:
            return self.requests()
        return self._about_group(id_.group) if id_.group <= len(self.inputs) else ()
