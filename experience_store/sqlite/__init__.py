"""The SQLite backend of the store.

Reading order: `database` runs queries and transactions in one file, `sql_files` loads queries and
migrations, `rows` converts values. `store` puts together one module for each
protocol: `libraries`, `groups`, `updates`, `retrievals`, `tokens`, `archives`. `versions`,
`trajectories`, `update_record`, `publishing`, `reviewing`, `provenance`, `archive_export` and
`archive_import` are the parts of these that hold an idea. `integrity` checks a file.
"""
