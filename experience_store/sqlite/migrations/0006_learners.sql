-- What became of learning with a model: rounds of requests that failed, the learners that a group
-- was set aside under, and workers that cannot learn now.

ALTER TABLE request ADD COLUMN rounds INTEGER NOT NULL DEFAULT 0;  -- failed ones, see MAX_ROUNDS

-- Who was given a group, with a policy, until it was set aside: it is not offered to them again.
CREATE TABLE group_offer (
    group_id INTEGER NOT NULL REFERENCES attempt_group ON DELETE CASCADE,
    learner  TEXT    NOT NULL,  -- the model and its endpoint, or host
    policy   TEXT    NOT NULL,  -- of the library at that time
    revision INTEGER NOT NULL,  -- of the group; a changed group is offered to everyone
    PRIMARY KEY (group_id, learner, policy)
) WITHOUT ROWID;

CREATE INDEX attempt_group_set_aside ON attempt_group (library_id) WHERE failures >= 3;

CREATE TABLE worker_trouble (
    owner  TEXT NOT NULL PRIMARY KEY,
    since  TEXT NOT NULL,
    seen   TEXT NOT NULL,  -- when it last said so: one that was killed says nothing more
    reason TEXT NOT NULL   -- without secrets
) WITHOUT ROWID;
