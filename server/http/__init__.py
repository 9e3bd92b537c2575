"""MCP over Streamable HTTP, beside stdio.

Begin with `running`, which listens, serves and shuts down, and `app`, which stacks the layers. A
request passes them from the outside in:

1. `limits.connections`: how many connections, and how long each may stall
2. `request_log`: the request's id, log line and `metrics`
3. `limits.host_header`: which hosts and origins are served
4. `auth.sign_in`: who is calling, if the server asks; nobody unknown has a body read
5. `limits.caller_limits` and `limits.body_limit`: open streams, size of the body
6. the routes: `/mcp` is the SDK's, stateless; `health` has `/health`, `/ready` and `/metrics`
7. inside MCP, `auth.authorization`: what the caller may do

A layer that refuses a request sends an `error_response`. `address` has what is known of hosts and
URLs. A server on stdio imports nothing of this room.
"""
