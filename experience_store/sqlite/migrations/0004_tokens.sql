-- Tokens that clients sign in with over HTTP. They belong to this database, not to a library, so
-- they do not travel with exports.

CREATE TABLE token (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    digest     TEXT NOT NULL UNIQUE,  -- SHA-256 of the token, which is not stored
    scopes     TEXT NOT NULL,         -- JSON: what it may do
    libraries  TEXT,                  -- JSON: names of those it reaches; NULL for all
    created_at TEXT NOT NULL,
    expires_at TEXT
) WITHOUT ROWID;
