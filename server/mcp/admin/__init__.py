"""Libraries looked after by hand: described, edited, compared, taken back, deleted.

`deeds` does it, on any store, for the command line and for the tools alike; `changes` says what
became different; `tools` are the deeds for hosts, off unless they are switched on.
"""
