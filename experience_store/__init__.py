"""Libraries of experiences: domain, retrieval, learning and storage. No MCP, no model, no HTTP."""
