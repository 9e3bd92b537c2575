"""The run's side of the MCP connection: everything it asks of a server, embedded or elsewhere.

`connection` opens it, calls tools and reads resources; `views` are the answers' fields; `library`
is a library as its client sees it; `submission` fits what is submitted into the server's limits.
"""
