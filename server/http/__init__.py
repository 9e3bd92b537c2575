"""MCP over Streamable HTTP, beside stdio.

One request passes, from the outside in: the connection and its time-outs (`connection`), the
request's id, log line and numbers (`request_log`), where it was sent to and from (`hosts`), the
bound on its body (`limits`), and then the routes (`app`): `/mcp` is the SDK's, stateless, and
`/health`, `/ready` and `/metrics` are for those who run the server. Between `hosts` and `limits`
stands the `sign_in`, if there is one, so that nobody unknown has a body read; what a caller may do
is then decided inside, by `permission`. It knows tokens of the server's own (`caller`) and, if so
set up, those of an authorization server (`oauth`), whose metadata is answered before `hosts`.

Nothing here is imported for a server on stdio.
"""
