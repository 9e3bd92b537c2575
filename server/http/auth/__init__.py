"""Who is calling, and what they may do.

`sign_in` stands before the app and lets nobody unknown through; `callers` says what a caller is and
knows the server's own tokens. Access tokens of an OAuth authorization server are known by `oauth`,
after `jwt_verifier` has checked them, with the public keys that `jwks` fetches and caches.
`challenge` is what those are told who are not let in. Inside, at the MCP server, `authorization`
holds each message to its caller's scopes.
"""
