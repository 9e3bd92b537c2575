"""The SQLite backend of the store. A module named like one in `store` implements its protocol.

Reading order: `schema` loads queries and migrations and checks a file, `database` runs queries and
transactions in it, `rows` converts values. `store` opens a file and has `retrievals` and `tokens`.
`libraries` rests on `versions` and `provenance`; `groups` takes submissions; `updates` rests on
`update_record`, which reads one, and `publishing`, which ends one; `archives` exports and, with
`archive_import`, imports.
"""
