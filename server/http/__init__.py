"""MCP over Streamable HTTP, beside stdio.

Reading order: `running` listens, serves and shuts down; `asgi_app` stacks the layers. A request
passes them from the outside in:

1. `connections`: how many there are, and how long each may stall
2. `request_log`: the request's id, its line in the log, its place in the metrics
3. `host_header`: which hosts and origins are accepted
4. `auth.sign_in`: who is calling, if sign-in is on; no other request has its body read
5. `request_limits`: open streams of a caller, size of the body
6. the routes: `/mcp` is the SDK's, stateless; `/health`, `/ready` and `/metrics` are `monitoring`
7. inside MCP, `auth.callers`: what the caller may do

A layer that refuses a request sends an `error_response`. `address` has what is known of hosts and
URLs. A server on stdio imports nothing of this room.
"""
