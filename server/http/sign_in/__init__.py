"""Who is calling, over HTTP.

A request's bearer token is shown to verifiers (`verifier`): to that of the server's own tokens
(`own_tokens`) and, if so set up, to one for tokens of an OAuth authorization server (`oauth`).
Whose token none of them knows is refused before its body is read (`layer`). What the token may do
travels with the request, and `gate` puts it where the rest of the server looks for it.
"""
