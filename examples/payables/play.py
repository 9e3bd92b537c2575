"""Play a task from the command line: by hand, or as an agent that has a shell.

A session is a directory with the messages so far. Example::

    python -m examples.payables.play start --session /tmp/one --task bolts --model by-hand
    python -m examples.payables.play call --session /tmp/one get_invoice \
        '{"invoice_id": "BF-4410"}' --say 'I look at the invoice first.'
    python -m examples.payables.play finish --session /tmp/one --say 'Booked and planned.'
    python -m examples.payables.play collect --out attempts.jsonl /tmp/one
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .session import FILE, Session, SessionError, ToolCall, find_task, load, save
from .tools import tool_schemas

HINT = """\
To call a tool:     python -m examples.payables.play call --session {session} TOOL \
'JSON ARGUMENTS' --say 'what you think'
When you are done:  python -m examples.payables.play finish --session {session} \
--say 'your message to the user'"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is one line on stderr and exit code 2."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except SessionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _start(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.session
    if (directory / FILE).exists():
        raise SessionError("exists", directory)
    session = Session(find_task(arguments.task), arguments.model)
    save(session, directory)
    system, user = session.messages
    print(f"[system]\n{system['content']}\n\n[tools]")
    for schema in tool_schemas():
        print(json.dumps(schema["function"]))
    print(f"\n[user]\n{user['content']}\n\n{HINT.format(session=directory)}")
    return 0


def _call(arguments: argparse.Namespace) -> int:
    try:
        json.loads(arguments.arguments)
    except ValueError as error:
        raise SessionError("json", error) from error
    session = load(arguments.session)
    call: ToolCall = {
        "id": f"call_{session.turns + 1}",
        "type": "function",
        "function": {"name": arguments.tool, "arguments": arguments.arguments},
    }
    (result,) = session.act(arguments.say, [call])
    save(session, arguments.session)
    print(result)
    return 0


def _finish(arguments: argparse.Namespace) -> int:
    session = load(arguments.session)
    session.finish(arguments.say)
    save(session, arguments.session)
    print("finished")
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    lines: list[str] = []
    skipped = False
    for directory in arguments.sessions:
        session = load(directory)
        if session.finished:
            lines.append(session.attempt().to_json() + "\n")
        else:
            skipped = True
            print(f"skipped {directory}: not finished", file=sys.stderr)
    arguments.out.write_text("".join(lines), encoding="utf-8")
    return int(skipped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="play", description="Play a task of the payables desk.")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("start", help="start an attempt and show the task")
    start.set_defaults(run=_start)
    start.add_argument("--task", required=True, help="id of the task")
    start.add_argument("--model", default="unknown", help="who plays, for the record")
    call = commands.add_parser("call", help="call a tool and show its result")
    call.set_defaults(run=_call)
    call.add_argument("tool", help="name of the tool")
    call.add_argument("arguments", help="its arguments, a JSON object")
    call.add_argument("--say", help="what the agent says with the call")
    finish = commands.add_parser("finish", help="end the attempt")
    finish.set_defaults(run=_finish)
    finish.add_argument("--say", required=True, help="the last message to the user")
    for command in (start, call, finish):
        command.add_argument("--session", required=True, type=Path, help="directory of the attempt")
    _add_collect(
        commands.add_parser(
            "collect", help="verify finished attempts and write a JSON line for each"
        )
    )
    return parser


def _add_collect(collect: argparse.ArgumentParser) -> None:
    collect.set_defaults(run=_collect)
    collect.add_argument("--out", required=True, type=Path, help="file to write")
    collect.add_argument("sessions", nargs="+", type=Path, help="directories of attempts")


if __name__ == "__main__":
    raise SystemExit(main())
