"""The MCP client of a run, for an embedded server and for one elsewhere.

Reading order: `connection` opens a connection, calls tools and reads resources; `library_client` is
a library as its client sees it; `submission` fits what is submitted into the server's limits.
"""
