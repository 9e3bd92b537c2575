"""The MCP server, its command line and the model clients around an experience store."""
