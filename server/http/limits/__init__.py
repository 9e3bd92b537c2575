"""What a client may send and take, before and after it has signed in.

Read from the outside in: `connections` (how many, and how long each may stall), `host_header`
(which `Host` and `Origin` are served), `caller_limits` (requests per minute and open streams of one
caller) and `body_limit` (size and time of a request's body).
"""
