"""The MCP server, its command line and the model clients around an experience store.

Reading order: `settings` and `access` say what is configured and who is calling, `app` puts a
running server together, `library_service` does what people do to a library, `rendering` and `text`
write it for people and models. The rooms are its faces: `mcp`, `http`, `cli` and `practice`.
`learning` drives updates with a model, `importing` reads other people's files.
"""

APP = "experience-mcp"  # the distribution, the command, and the server's name
