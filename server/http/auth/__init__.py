"""Who is calling, and what they may do.

Reading order: `sign_in` authenticates each request before the app; `callers` says what a caller is,
authenticates the server's own tokens and, inside the MCP server, holds each message to its caller's
scopes. `oauth` verifies access tokens of an authorization server, with the public keys that `jwks`
fetches and caches. `challenge` tells clients how to sign in.
"""
