"""Record a language model's answers to the requests that the learner makes of recorded attempts.

Either a model behind an OpenAI-compatible endpoint answers (`--model`), or somebody who reads the
prompts in a folder (`--folder`): run it, answer each `NAME.md` in `NAME.answer.json`, and run it
again until a version is published.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mcp import Client
from pydantic import TypeAdapter

from experience_store import open_store
from experience_store.learning.answer_json import parse_object
from experience_store.library import Policy
from server.cli import demo_recording as demo
from server.mcp.build import build_server
from server.mcp.results import RequestOut, UpdateOut
from server.settings import Settings

_OBJECT = TypeAdapter(dict[str, object])


async def main(options: argparse.Namespace) -> int:
    """Learn from the demo's attempts in a fresh database, and save the answers."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "experience.db"
        await _describe(database)
        async with Client(build_server(Settings(database))) as client:
            kept, update = await _learn(client, options)
    if update.status != "published":
        print(f"{update.status}: {update.next_step}", file=sys.stderr)
        return 1
    text = json.dumps({k: v.model_dump() for k, v in kept.items()}, ensure_ascii=False, indent=1)
    options.out.write_text(f"{text}\n", encoding="utf-8")
    print("\n".join(update.changes))
    return 0


async def _describe(database: Path) -> None:
    store = await open_store(database)
    await store.libraries.describe(
        demo.LIBRARY,
        agent_objective=demo.AGENT_OBJECTIVE,
        learning_objective=demo.LEARNING_OBJECTIVE,
        policy=Policy(),
    )
    await store.close()


async def _learn(
    client: Client, options: argparse.Namespace
) -> tuple[dict[str, demo.RecordedAnswer], UpdateOut]:
    for group in demo.groups():
        await client.call_tool("submit_group", {"library": demo.LIBRARY, **group.model_dump()})
    kept: dict[str, demo.RecordedAnswer] = {}
    update = await _call(client, "update_experiences", {"library": demo.LIBRARY})
    while update.status == "awaiting_answers":
        answered = {r.request_id: await _answer(r, options) for r in update.requests}
        answers = {k: v for k, v in answered.items() if v is not None}
        if not answers:
            return kept, update
        kept |= answers
        given = [{"request_id": k, "answer": v.answer} for k, v in answers.items()]
        arguments = {"update_id": update.update_id, "answers": given}
        update = await _call(client, "submit_answers", arguments)
    return kept, update


async def _call(client: Client, tool: str, arguments: Mapping[str, object]) -> UpdateOut:
    result = await client.call_tool(tool, dict(arguments))
    return UpdateOut.model_validate(result.structured_content)


async def _answer(request: RequestOut, options: argparse.Namespace) -> demo.RecordedAnswer | None:
    if options.folder:
        text = _from_folder(Path(options.folder), request)
    else:
        text = await _from_endpoint(request.prompt, options.model, options.base_url)
    if text is None:
        return None
    return demo.RecordedAnswer(
        prompt_digest=demo.digest(request.prompt),
        model=options.model,
        answer=parse_object(text, _OBJECT.validate_python(request.answer_schema["properties"])),
    )


def _from_folder(folder: Path, request: RequestOut) -> str | None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{request.request_id}.md").write_text(request.prompt, encoding="utf-8")
    answer = folder / f"{request.request_id}.answer.json"
    return answer.read_text(encoding="utf-8") if answer.exists() else None


async def _from_endpoint(prompt: str, model: str, base_url: str | None) -> str:
    from openai import AsyncOpenAI  # noqa: PLC0415  # not needed with a folder

    async with AsyncOpenAI(
        base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none")
    ) as client:
        completion = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}]
        )
    return completion.choices[0].message.content or ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("server/cli/demo_recording/answers.json"))
    parser.add_argument("--model", required=True, help="model that answers, or a name for who does")
    parser.add_argument("--base-url")
    parser.add_argument("--folder", help="folder for prompts and answers, instead of an endpoint")
    options = parser.parse_args()
    if not (options.folder or options.base_url or os.environ.get("OPENAI_API_KEY")):
        parser.error("set OPENAI_API_KEY, or name an endpoint with --base-url, or give --folder")
    return options


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_options())))
