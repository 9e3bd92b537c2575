"""Training-Free GRPO's update (Cai et al., arXiv 2510.08191), as a value.

An update takes a batch of groups and one version of a library, and ends in operations on it:

1. *Summarise* each long attempt (the paper's trajectory summary). Short ones are used as they are.
2. *Compare* the attempts of each group in words (the group relative semantic advantage): why did
   the winners win, and which operations on the library follow?
3. *Consolidate* the operations of all groups (the optimisation step): one list without
   contradictions and near-duplicates. Operations that nothing is in contention with pass as they
   are, so a single lesson that is near nothing needs no call.
4. *Apply*: validate the list against the library. If another version was published meanwhile,
   `rebase` puts operations whose entries changed through step 3 once more.

`Update` does no I/O. `requests()` says what can be asked now, `record()` takes an answer and
returns the next `Update`, `outcome()` is there when nothing is left to ask. A driver may be a
background worker with an API key or the very agent that is connected; it may lose everything and
start again from the same inputs and the answers it kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from experience_store.errors import AnswerRefusedError, NotFoundError
from experience_store.learning.answers import (
    Answer,
    Comparison,
    Consolidation,
    RawAnswer,
    Schema,
    Suggestion,
    Summary,
)
from experience_store.learning.contention import batches_in_contention, contended
from experience_store.learning.questions import (
    Aim,
    Attempt,
    Compare,
    Consolidate,
    NumberedProposal,
    Question,
    Summarise,
)
from experience_store.learning.transcript import common_beginning, length
from experience_store.library import Experience, Library, State
from experience_store.operations import (
    Application,
    Keep,
    Proposed,
    Refusal,
    apply,
    touched_ids,
)
from experience_store.trajectory import Group, Trajectory

MAX_CHARS_PER_TOKEN = 8  # longer ones are so rare that what has them is long anyway


@dataclass(frozen=True, slots=True)
class Frugality:
    """How much a driver may put before a language model, in estimated tokens.

    Attributes:
        compare_tokens: Size of a Compare request.
        experience_tokens: Existing experiences in it, most relevant first.
        summarise: Whether attempts may be summarised by calls of their own.
        summarise_tokens: Size of a Summarise request.
        max_attempts: Attempts of one group that are compared; best and worst are kept.
    """

    compare_tokens: int
    experience_tokens: int
    summarise: bool
    summarise_tokens: int
    max_attempts: int


HOST = Frugality(5_600, 600, summarise=False, summarise_tokens=0, max_attempts=8)
MODEL = Frugality(9_000, 600, summarise=True, summarise_tokens=24_000, max_attempts=16)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One group as an update sees it.

    Attributes:
        relevant: Existing experiences for its task, most relevant first.
        served: For each trajectory id, the ids of the experiences it had been given.
    """

    group: Group
    relevant: tuple[Experience, ...] = ()
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version of the library, and which of its experiences a text is near to in wording."""

    state: State
    near: Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Request:
    """One question that can be put to a language model now."""

    id: str
    question: Question

    @property
    def step(self) -> str:
        """`summarise`, `compare` or `consolidate`."""
        return type(self.question).__name__.lower()

    @cached_property
    def prompt(self) -> str:
        """The rendered prompt; the same at every rendering."""
        return self.question.prompt()

    @property
    def schema(self) -> Schema:
        """JSON schema of the answer, fit for strict structured output."""
        return self.question.schema


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was given up, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an update comes to.

    Attributes:
        application: The operations, validated against `base`, the refusals, and the new state.
        learned: Ids of the groups that are done with.
        failed: Ids of the groups that are not, each with the reason.
    """

    base: int
    application: Application
    learned: tuple[str, ...]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Round:
    """One pass of step 3: what goes to the model, what passes, and what stands behind it."""

    passing: tuple[Proposed, ...]
    contention: tuple[tuple[Proposed, ...], ...]


@dataclass(frozen=True)
class Update:
    """One semantic-advantage update in progress.

    Attributes:
        library: Objectives and policy.
        lessons: The groups to learn from, in order.
        snapshots: The version that the update began with, and one for each rebase.
        frugality: What the driver may spend.
        answers: What was answered, or given up, by request id.
    """

    library: Library
    lessons: tuple[Lesson, ...]
    snapshots: tuple[Snapshot, ...]
    frugality: Frugality
    answers: Mapping[str, Answer | Failure] = field(default_factory=dict[str, Answer | Failure])

    def requests(self) -> tuple[Request, ...]:
        """What can be asked now and has no answer yet. Empty exactly when there is an outcome."""
        open_ = [r for n in range(1, len(self.lessons) + 1) for r in self._about_group(n)]
        return tuple(open_ or self._consolidations())

    def request(self, request_id: str) -> Request:
        """The open request of this id.

        Raises:
            NotFoundError: If no such request is open.
        """
        _, _, rest = request_id.partition("-")
        number = rest.partition("-")[0]
        if request_id.startswith("consolidate-"):
            candidates = self.requests()
        elif number.isascii() and number.isdecimal() and 0 < int(number) <= len(self.lessons):
            candidates = self._about_group(int(number))
        else:
            candidates = []
        for request in candidates:
            if request.id == request_id:
                return request
        raise NotFoundError(f"no request {request_id[:80]!r} is open in this update")

    def _about_group(self, number: int) -> list[Request]:
        """The open requests of steps 1 and 2 for one group: its summaries, then its comparison."""
        lesson = self.lessons[number - 1]
        if f"compare-{number}" in self.answers:
            return []
        return self._unanswered(self._summaries(number, lesson)) or self._unanswered(
            self._comparison(number, lesson)
        )

    def record(self, request_id: str, answer: RawAnswer) -> Update:
        """The update with this answer in it.

        Raises:
            NotFoundError: If no such request is open.
            AnswerRefusedError: If the answer does not fit; the request stays open.
        """
        question = self.request(request_id).question
        read = question.read(answer)
        if isinstance(read, Comparison | Consolidation):
            _refuse_if_unreadable(read.suggestions)
        return replace(self, answers={**self.answers, request_id: read})

    def give_up(self, request_id: str, reason: str) -> Update:
        """The update with this request failed; everything that does not need it goes on."""
        self.request(request_id)
        return replace(self, answers={**self.answers, request_id: Failure(reason)})

    def rebase(self, snapshot: Snapshot) -> Update:
        """The finished update on top of a newer version: what changed is consolidated again."""
        return replace(self, snapshots=(*self.snapshots, snapshot))

    def outcome(self) -> Outcome | None:
        """The validated operations, or None while something is left to ask."""
        if self.requests():
            return None
        proposals, refused, held_back = self._settled()
        state = self.snapshots[-1].state
        application = apply(state, proposals, self.library.policy)
        application = replace(application, refused=(*refused, *application.refused))
        failed = {**self._failed_groups(), **held_back}
        learned = tuple(le.group.id for le in self.lessons if le.group.id not in failed)
        return Outcome(state.version, application, learned, failed)

    def reasons(self) -> tuple[str, ...]:
        """Why the winners won, one for each group that was compared."""
        return tuple(a.reasons for a in self.answers.values() if isinstance(a, Comparison))

    # 1. Summarise

    def _summaries(self, number: int, lesson: Lesson) -> list[Request]:
        shared = len(common_beginning(lesson.group.trajectories))
        experiences = self.snapshots[0].state.by_id
        return [
            Request(
                f"summarise-{number}-{position}",
                Summarise(
                    aim=self._aim,
                    group=lesson.group,
                    trajectory=trajectory,
                    served=tuple(
                        experiences[i]
                        for i in lesson.served.get(trajectory.id, ())
                        if i in experiences
                    ),
                    rewarded=self._is_rewarded(lesson.group),
                    max_tokens=self.frugality.summarise_tokens,
                ),
            )
            for position, trajectory in enumerate(self._compared(lesson.group), start=1)
            if self._is_long(trajectory, shared)
        ]

    def _is_long(self, trajectory: Trajectory, shared: int) -> bool:
        above = self.library.policy.summarise_above
        if not self.frugality.summarise:
            return False
        size = sum(
            len(m.text) + sum(len(c.arguments) for c in m.tool_calls)
            for m in trajectory.messages[shared:]
        )
        if not above < size < above * MAX_CHARS_PER_TOKEN:
            return size > above
        return length(trajectory.messages[shared:]) > above

    # 2. Compare

    def _comparison(self, number: int, lesson: Lesson) -> list[Request]:
        attempts: list[Attempt] = []
        for position, trajectory in enumerate(self._compared(lesson.group), start=1):
            summary = self.answers.get(f"summarise-{number}-{position}")
            attempts.append(
                Attempt(
                    trajectory,
                    lesson.served.get(trajectory.id, ()),
                    # an attempt whose summary failed is shortened instead
                    summary.text if isinstance(summary, Summary) else None,
                )
            )
        compare = Compare(
            aim=self._aim,
            group=lesson.group,
            attempts=tuple(attempts),
            experiences=lesson.relevant,
            more_experiences=len(self.snapshots[0].state.experiences) - len(lesson.relevant),
            left_out=self._not_compared(lesson.group),
            rewarded=self._is_rewarded(lesson.group),
            max_tokens=self.frugality.compare_tokens,
        )
        return [Request(f"compare-{number}", compare)]

    def _compared(self, group: Group) -> tuple[Trajectory, ...]:
        """The attempts that are compared: scored ones, best first; of too many, the extremes."""
        pool = group.scored() if self._is_rewarded(group) else group.trajectories
        ranked = sorted(pool, key=lambda t: -(t.reward or 0))
        most = self.frugality.max_attempts
        if len(ranked) <= most:
            return tuple(ranked)
        return (*ranked[: most - most // 2], *ranked[len(ranked) - most // 2 :])

    def _not_compared(self, group: Group) -> str:
        unscored = len(group.trajectories) - len(group.scored())
        others = len(group.trajectories) - len(self._compared(group))
        parts: list[str] = []
        if self._is_rewarded(group) and unscored:
            others -= unscored
            parts.append(f"{unscored} unscored attempts are left out: they tell nothing")
        if others:
            parts.append(f"{others} attempts with rewards in between are left out for length")
        return "; ".join(parts)

    def _is_rewarded(self, group: Group) -> bool:
        return group.has_signal(self.library.policy.min_spread)

    def _failed_groups(self) -> dict[str, str]:
        failed: dict[str, str] = {}
        for number, lesson in enumerate(self.lessons, start=1):
            answer = self.answers.get(f"compare-{number}")
            if isinstance(answer, Failure):
                failed[lesson.group.id] = answer.reason
        return failed

    # 3. Consolidate

    def _consolidations(self) -> list[Request]:
        """The open requests of the first round that still waits for answers."""
        proposals = self._proposals()[0]
        for number, snapshot in enumerate(self.snapshots, start=1):
            round_ = self._round(number, proposals)
            if open_ := self._unanswered(self._round_requests(number, round_, snapshot)):
                return open_
            proposals = self._after(number, round_)[0]
        return []

    def _proposals(self) -> tuple[tuple[Proposed, ...], tuple[Refusal, ...]]:
        """What the comparisons propose, and what of it breaks a rule without further question."""
        proposals: list[Proposed] = []
        refused: list[Refusal] = []
        for number in range(1, len(self.lessons) + 1):
            source = f"compare-{number}"
            answer = self.answers.get(source)
            if not isinstance(answer, Comparison):
                continue
            for position, suggestion in enumerate(answer.suggestions):
                read = _proposal(suggestion, (source,))
                if isinstance(read, Refusal):
                    refused.append(read)
                elif position >= self.library.policy.max_lessons:
                    refused.append(
                        Refusal(
                            f"one group may propose {self.library.policy.max_lessons} operations",
                            read.operation,
                            sources=read.sources,
                        )
                    )
                else:
                    proposals.append(read)
        valid, invalid = self._screened(proposals)
        return valid, (*refused, *invalid)

    def _screened(
        self, proposals: Sequence[Proposed]
    ) -> tuple[tuple[Proposed, ...], tuple[Refusal, ...]]:
        """Each proposal tried alone on the base: what fails there needs no consolidation."""
        state, policy = self.snapshots[0].state, self.library.policy
        valid: list[Proposed] = []
        invalid: list[Refusal] = []
        roomy = replace(policy, max_experiences=len(state.experiences) + 1)
        for proposed in proposals:
            refused = apply(state, [proposed], roomy).refused
            invalid += refused
            if not refused:
                valid.append(proposed)
        return tuple(valid), tuple(invalid)

    def _round(self, number: int, proposals: tuple[Proposed, ...]) -> _Round:
        snapshot = self.snapshots[number - 1]
        if number == 1:
            disputed = contended(proposals, snapshot.near)
        else:
            disputed = _overtaken(proposals, self.snapshots[number - 2], snapshot)
        passing = tuple(p for p in proposals if p not in disputed)
        return _Round(passing, batches_in_contention(disputed, snapshot.near))

    def _round_requests(self, number: int, round_: _Round, snapshot: Snapshot) -> list[Request]:
        return [
            Request(
                f"consolidate-{number}-{part}",
                Consolidate(
                    aim=self._aim,
                    experiences=_concerned(batch, snapshot),
                    library_size=len(snapshot.state.experiences),
                    proposals=tuple(
                        NumberedProposal(f"p{i}", p.operation, self._reasons_behind(p))
                        for i, p in enumerate(batch, start=1)
                    ),
                ),
            )
            for part, batch in enumerate(round_.contention, start=1)
        ]

    def _after(
        self, number: int, round_: _Round
    ) -> tuple[tuple[Proposed, ...], tuple[Refusal, ...], dict[str, str]]:
        """What a round comes to: its proposals, its refusals, and the groups it had to hold back.

        When consolidation failed, the groups that had a part in it contribute nothing this time,
        so that they can be learned from later as a whole.
        """
        settled = list(round_.passing)
        refused: list[Refusal] = []
        held_back: dict[str, str] = {}
        for part, batch in enumerate(round_.contention, start=1):
            source = f"consolidate-{number}-{part}"
            answer = self.answers.get(source)
            if isinstance(answer, Consolidation):
                made, left = _consolidated(answer, batch, source)
                settled += made
                refused += left
            elif isinstance(answer, Failure):
                for proposed in batch:
                    reason = f"consolidation failed: {answer.reason}"
                    refused.append(Refusal(reason, proposed.operation, sources=proposed.sources))
                    held_back |= dict.fromkeys(self._groups_behind(proposed), reason)
        kept = [p for p in settled if not held_back.keys() & set(self._groups_behind(p))]
        refused += [
            Refusal("held back with its group", p.operation, sources=p.sources)
            for p in settled
            if p not in kept
        ]
        return tuple(kept), tuple(refused), held_back

    def _settled(self) -> tuple[tuple[Proposed, ...], tuple[Refusal, ...], dict[str, str]]:
        proposals, refused = self._proposals()
        held_back: dict[str, str] = {}
        for number in range(1, len(self.snapshots) + 1):
            proposals, more, held = self._after(number, self._round(number, proposals))
            refused = (*refused, *more)
            held_back |= held
        return proposals, refused, held_back

    # shared

    @cached_property
    def _aim(self) -> Aim:
        policy = self.library.policy
        return Aim(
            self.library.agent_objective,
            self.library.learning_objective,
            policy.max_words,
            policy.max_lessons,
        )

    def _unanswered(self, requests: Iterable[Request]) -> list[Request]:
        return [r for r in requests if r.id not in self.answers]

    def _groups_behind(self, proposed: Proposed) -> tuple[str, ...]:
        numbers = [int(s.split("-")[1]) for s in proposed.sources if s.startswith("compare-")]
        return tuple(self.lessons[n - 1].group.id for n in numbers)

    def _reasons_behind(self, proposed: Proposed) -> str:
        answers = [self.answers.get(source) for source in proposed.sources]
        return " ".join(a.reasons for a in answers if isinstance(a, Comparison))


def _proposal(suggestion: Suggestion, sources: tuple[str, ...]) -> Proposed | Refusal:
    if isinstance(suggestion.operation, Refusal):
        return replace(suggestion.operation, sources=sources)
    return Proposed(suggestion.operation, sources)


def _refuse_if_unreadable(suggestions: Sequence[Suggestion]) -> None:
    """A list in which nothing at all can be read is worth asking again."""
    unread = [s.operation for s in suggestions if isinstance(s.operation, Refusal)]
    if unread and len(unread) == len(suggestions):
        raise AnswerRefusedError(f"operations: {unread[0].reason}")


def _consolidated(
    answer: Consolidation, batch: Sequence[Proposed], source: str
) -> tuple[list[Proposed], list[Refusal]]:
    """The list that was made, each operation with all that stands behind it; the rest refused."""
    named = {f"p{i}": p for i, p in enumerate(batch, start=1)}
    made: list[Proposed] = []
    refused: list[Refusal] = []
    for suggestion in answer.suggestions:
        behind = [named[o] for o in suggestion.origin if o in named]
        sources = (*dict.fromkeys(s for p in behind for s in p.sources), source)
        read = _proposal(suggestion, sources)
        if isinstance(read, Refusal):
            refused.append(read)
        elif not behind:
            reason = "invented in consolidation: it names no proposal that it comes from"
            refused.append(Refusal(reason, read.operation, sources=sources))
        else:
            made.append(_word_for_word(read, behind))
    cited = {
        origin
        for suggestion in answer.suggestions
        if not isinstance(suggestion.operation, Keep)
        for origin in suggestion.origin
    }
    refused += [
        Refusal("dropped in consolidation", p.operation, sources=(*p.sources, source))
        for name, p in named.items()
        if name not in cited
    ]
    return made, refused


def _word_for_word(made: Proposed, behind: Sequence[Proposed]) -> Proposed:
    """A single proposal passed on without repeating its wording stands as it was proposed."""
    (first, *others) = behind
    operation = made.operation
    if others or getattr(operation, "text", None) != "":
        return made
    same = type(operation) is type(first.operation)
    if same and touched_ids(operation) == touched_ids(first.operation):
        return replace(made, operation=first.operation)
    return made


def _overtaken(
    proposals: Sequence[Proposed], before: Snapshot, after: Snapshot
) -> tuple[Proposed, ...]:
    """The proposals whose ground moved: an entry they touch changed, or a near one is new."""
    old, new = before.state.by_id, after.state.by_id
    changed = {i for i in old.keys() | new.keys() if old.get(i) != new.get(i)}
    return tuple(
        p
        for p in proposals
        if changed & set(touched_ids(p.operation)) or changed & set(_near(p, after.near))
    )


def _near(proposed: Proposed, near: Callable[[str], Sequence[str]]) -> Sequence[str]:
    text = getattr(proposed.operation, "text", None)
    return near(text) if isinstance(text, str) else ()


def _concerned(batch: Sequence[Proposed], snapshot: Snapshot) -> tuple[Experience, ...]:
    """The experiences that the proposals touch or are near to."""
    entries = snapshot.state.by_id
    ids = [i for p in batch for i in (*touched_ids(p.operation), *_near(p, snapshot.near))]
    return tuple(entries[i] for i in dict.fromkeys(ids) if i in entries)
