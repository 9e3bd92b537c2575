"""An attempt at a task as a list of OpenAI chat messages, which is all that is stored of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from .environment import MAX_TURNS, SYSTEM, Desk
from .records import Task
from .tasks import TASKS
from .tools import call_tool
from .verifier import verify

FILE = "session.json"
REFUSALS = {
    "exists": "there is a session already in ",
    "finished": "the attempt is finished",
    "json": "nothing was called, the arguments are not JSON: ",
    "replay": "the messages do not replay, the log or the environment was changed: ",
    "session": "there is no session in ",
    "task": f"the tasks are {', '.join(task.task_id for task in TASKS)}; there is no ",
    "turns": f"the limit of {MAX_TURNS} turns is reached, only finish is left",
}


class SessionError(Exception):
    """A refusal by the session; the player sees it, the log does not."""

    def __init__(self, why: str, detail: object = "") -> None:
        """Compose the message from the reason."""
        super().__init__(f"{REFUSALS[why]}{detail}")


class FunctionCall(TypedDict):
    """Which tool, with which JSON arguments."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A tool call of an assistant message."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class Message(TypedDict):
    """A chat message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]


class Saved(TypedDict):
    """The session file."""

    task_id: str
    model: str
    messages: list[Message]


@dataclass(frozen=True)
class Attempt:
    """A line of the recorded attempts."""

    task_id: str
    task: str
    reward: float
    feedback: str
    messages: list[Message]
    model: str

    def to_json(self) -> str:
        """Write the attempt as one line."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Session:
    """An attempt in progress."""

    def __init__(self, task: Task, model: str) -> None:
        """Start with the system message and the user's request."""
        self.task = task
        self.model = model
        self.messages: list[Message] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": task.text},
        ]
        self._desk = Desk(task)

    @property
    def turns(self) -> int:
        """How many messages with tool calls there are."""
        return sum("tool_calls" in message for message in self.messages)

    @property
    def finished(self) -> bool:
        """Whether the agent has sent its final message, one without tool calls."""
        last = self.messages[-1]
        return last["role"] == "assistant" and "tool_calls" not in last

    def act(self, say: str | None, calls: Sequence[ToolCall]) -> list[str]:
        """Run the calls of one assistant message and return their results."""
        self._refuse_if_finished()
        if self.turns >= MAX_TURNS:
            raise SessionError("turns")
        self.messages.append({"role": "assistant", "content": say, "tool_calls": [*calls]})
        results: list[str] = []
        for call in calls:
            function = call["function"]
            result = call_tool(self._desk, function["name"], function["arguments"])
            self.messages.append({"role": "tool", "content": result, "tool_call_id": call["id"]})
            results.append(result)
        return results

    def finish(self, say: str | None) -> None:
        """End the attempt with a message to the user."""
        self._refuse_if_finished()
        self.messages.append({"role": "assistant", "content": say})

    def attempt(self) -> Attempt:
        """Verify the state that the calls led to."""
        verdict = verify(self._desk)
        return Attempt(
            task_id=self.task.task_id,
            task=self.task.text,
            reward=verdict.reward,
            feedback=verdict.feedback,
            messages=self.messages,
            model=self.model,
        )

    def _refuse_if_finished(self) -> None:
        if self.finished:
            raise SessionError("finished")


def find_task(task_id: str) -> Task:
    """Return the task with that id."""
    for task in TASKS:
        if task.task_id == task_id:
            return task
    raise SessionError("task", task_id)


def replay(saved: Saved) -> Session:
    """Rebuild a session by replaying its messages; refuse if the results differ."""
    session = Session(find_task(saved["task_id"]), saved["model"])
    for message in saved["messages"]:
        if "tool_calls" in message:
            session.act(message["content"], message["tool_calls"])
        elif message["role"] == "assistant":
            session.finish(message["content"])
    if session.messages != saved["messages"]:
        raise SessionError("replay", saved["task_id"])
    return session


def load(directory: Path) -> Session:
    """Load the session from a directory."""
    try:
        text = (directory / FILE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SessionError("session", directory) from error
    saved: Saved = json.loads(text)
    return replay(saved)


def save(session: Session, directory: Path) -> None:
    """Save the session to a directory, atomically."""
    directory.mkdir(parents=True, exist_ok=True)
    saved = Saved(task_id=session.task.task_id, model=session.model, messages=session.messages)
    part = directory / f"{FILE}.part"
    part.write_text(json.dumps(saved, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(directory / FILE)
