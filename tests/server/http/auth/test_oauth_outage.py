"""A server whose authorization server is unreachable."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.http.auth.authorization_server import RESOURCE, Hosted
from tests.server.http.auth.oauth_server import protected
from tests.server.http.serving import JSON, tool_call
from tests.server.http.signing_in import make_token

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_during_an_outage_the_servers_own_tokens_work_and_others_get_503(
    database: Path, hosted: Hosted
) -> None:
    issuer = hosted.put_on()
    issuer.answers.clear()
    own = await make_token(database)
    async with (
        protected(database, issuer.issuer, resource=RESOURCE) as server,
        server.http(host="experience.example.com", **JSON) as http,
    ):
        body = tool_call("list_libraries", {})
        tokens = {"theirs": issuer.token(), "own": own, "no JWT": "abc"}
        answers = {
            name: await http.post("/mcp", content=body, headers={"authorization": f"Bearer {t}"})
            for name, t in tokens.items()
        }
        none = await http.post("/mcp", content=body)
        warning = await server.said("cannot fetch the keys of the authorization server")
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {"theirs": 503, "own": 200, "no JWT": 401}
    assert none.status_code == 401
    assert answers["theirs"].headers["retry-after"] == "5"
    assert "the server's log says why" in answers["theirs"].text
    assert issuer.issuer not in answers["theirs"].text
    assert warning["level"] == "warning"
