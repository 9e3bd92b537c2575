-- The first schema. Tables hold facts; what follows from them is computed by queries.

CREATE TABLE library (
    id                 INTEGER PRIMARY KEY,
    name               TEXT    NOT NULL UNIQUE,
    agent_objective    TEXT,
    learning_objective TEXT,
    policy             TEXT    NOT NULL,            -- JSON, see Policy
    head               INTEGER NOT NULL DEFAULT 0,  -- number of the current version
    size               INTEGER NOT NULL DEFAULT 0,  -- experiences in it
    next_number        INTEGER NOT NULL DEFAULT 1,  -- G-number of the next experience, never reused
    created_at         TEXT    NOT NULL
);

CREATE TABLE version (
    library_id INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    parent     INTEGER,
    author     TEXT    NOT NULL,
    note       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    update_id  TEXT,
    created_at TEXT    NOT NULL,
    PRIMARY KEY (library_id, number)
) WITHOUT ROWID;

-- What was proposed: carried out in `version`, or refused for `refused`.
CREATE TABLE operation (
    id         INTEGER PRIMARY KEY,
    library_id INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    version    INTEGER,          -- the version it belongs to; NULL if its update published none
    update_id  TEXT,
    kind       TEXT,             -- NULL if it could not be read
    body       TEXT    NOT NULL, -- JSON: ids, name, text; or the unreadable original
    experience INTEGER,          -- G-number of the experience it made
    sources    TEXT    NOT NULL, -- JSON list of request ids of the update
    refused    TEXT
);
CREATE INDEX operation_by_version ON operation (library_id, version);
CREATE INDEX operation_by_update ON operation (update_id);

-- One wording of one experience, valid from version `since` up to but not in version `until`.
CREATE TABLE entry (
    library_id   INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    until        INTEGER,
    name         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    operation_id INTEGER REFERENCES operation,
    PRIMARY KEY (library_id, number, since)
) WITHOUT ROWID;

CREATE TABLE attempt_group (
    id           INTEGER PRIMARY KEY,
    library_id   INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    task         TEXT    NOT NULL,
    ground_truth TEXT,
    attempts     INTEGER NOT NULL DEFAULT 0,
    scored       INTEGER NOT NULL DEFAULT 0,
    best         REAL,
    worst        REAL,
    revision     INTEGER NOT NULL DEFAULT 0,  -- grows with every attempt and every late reward
    learned      INTEGER NOT NULL DEFAULT 0,  -- the revision that was last learned from
    failures     INTEGER NOT NULL DEFAULT 0,  -- updates that could not learn from this revision
    failure      TEXT,
    created_at   TEXT    NOT NULL,
    changed_at   TEXT    NOT NULL,
    UNIQUE (library_id, name)
);
CREATE INDEX attempt_group_waiting ON attempt_group (library_id, id) WHERE revision > learned;

CREATE TABLE attempt (
    id         INTEGER PRIMARY KEY,
    group_id   INTEGER NOT NULL REFERENCES attempt_group ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    messages   TEXT    NOT NULL,  -- JSON, OpenAI chat messages
    reward     REAL,
    feedback   TEXT,
    retrieval  TEXT,
    model      TEXT,
    metadata   TEXT,
    digest     TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    UNIQUE (group_id, name)
);

-- Which groups stand behind an experience: for provenance, and to find it by their tasks.
CREATE TABLE experience_group (
    library_id INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    group_id   INTEGER NOT NULL REFERENCES attempt_group ON DELETE CASCADE,
    PRIMARY KEY (library_id, number, group_id)
) WITHOUT ROWID;

CREATE TABLE learning_update (
    id          TEXT    PRIMARY KEY,
    library_id  INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    driver      TEXT    NOT NULL,              -- host or model
    status      TEXT    NOT NULL DEFAULT 'open', -- then published, nothing_to_learn or failed
    policy      TEXT,                          -- the library's when it began
    bases       TEXT    NOT NULL,              -- JSON: the version it began with, and each rebase
    version     INTEGER,                       -- the version it published
    reason      TEXT,                          -- why it published none
    owner       TEXT,                          -- of the lease
    leased_till REAL,                          -- seconds since the epoch
    created_at  TEXT    NOT NULL,
    changed_at  TEXT    NOT NULL
);
CREATE INDEX learning_update_open ON learning_update (library_id) WHERE status = 'open';

CREATE TABLE update_group (
    update_id TEXT    NOT NULL REFERENCES learning_update ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    group_id  INTEGER NOT NULL REFERENCES attempt_group ON DELETE CASCADE,
    revision  INTEGER NOT NULL,
    attempts  TEXT    NOT NULL,  -- JSON: [id, reward] of each attempt as they were at the start
    relevant  TEXT,              -- JSON list of G-numbers; NULL until the first requests are made
    PRIMARY KEY (update_id, position)
) WITHOUT ROWID;

CREATE TABLE request (
    update_id TEXT NOT NULL REFERENCES learning_update ON DELETE CASCADE,
    name      TEXT NOT NULL,     -- such as compare-1
    prompt    TEXT NOT NULL,
    asked_at  TEXT NOT NULL,
    failed    TEXT,              -- why it was given up
    PRIMARY KEY (update_id, name)
) WITHOUT ROWID;

CREATE TABLE answer (
    id                INTEGER PRIMARY KEY,
    update_id         TEXT NOT NULL REFERENCES learning_update ON DELETE CASCADE,
    request           TEXT NOT NULL,
    text              TEXT NOT NULL,
    refused           TEXT,      -- why it does not fit; NULL if it was taken
    model             TEXT,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    cached_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    cost              REAL,
    created_at        TEXT NOT NULL
);
CREATE INDEX answer_by_update ON answer (update_id);
CREATE UNIQUE INDEX answer_taken ON answer (update_id, request) WHERE refused IS NULL;

CREATE TABLE retrieval (
    id         TEXT    PRIMARY KEY,
    library_id INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    task       TEXT    NOT NULL,
    served     TEXT    NOT NULL,  -- JSON list of G-numbers
    created_at TEXT    NOT NULL
) WITHOUT ROWID;
