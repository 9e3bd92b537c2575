-- Every query of the SQLite backend, by name. Parameters are named; JSON is text.

-- name: make_migrations
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL
);

-- name: last_migration
SELECT COALESCE(MAX(number), 0) FROM migration;

-- name: record_migration
INSERT INTO migration (number, name, applied_at) VALUES (:number, :name, :now);

-- Libraries

-- name: library
SELECT * FROM library WHERE name = :name;

-- name: library_by_id
SELECT * FROM library WHERE id = :library;

-- name: libraries
SELECT library.*, (
    SELECT COUNT(*) FROM attempt_group AS g WHERE g.library_id = library.id
) AS groups
FROM library ORDER BY name;

-- name: library_page
SELECT * FROM library WHERE name > :after ORDER BY name LIMIT :limit;

-- name: library_marks
SELECT name, id, head, size, agent_objective, learning_objective FROM library;

-- name: library_names
SELECT name FROM library WHERE name LIKE :prefix ESCAPE '\' ORDER BY name LIMIT :limit;

-- name: make_library
INSERT INTO library (id, name, policy, created_at) VALUES (:id, :name, :policy, :now);

-- name: next_serial
UPDATE library_serial SET last = 1 + MAX(last, (SELECT COALESCE(MAX(id), 0) FROM library))
RETURNING last;

-- name: describe_library
UPDATE library
SET agent_objective = :agent_objective,
    learning_objective = :learning_objective,
    policy = :policy
WHERE id = :library;

-- name: move_head
UPDATE library SET head = :head, size = :size, next_number = MAX(next_number, :next_number)
WHERE id = :library;

-- name: delete_entries
DELETE FROM entry WHERE library_id = :library;

-- name: delete_library
DELETE FROM library WHERE id = :library;

-- Versions and their entries

-- name: make_version
INSERT INTO version (library_id, number, parent, author, note, size, update_id, created_at)
VALUES (:library, :number, :parent, :author, :note, :size, :update_id, :now);

-- name: versions
SELECT * FROM version
WHERE library_id = :library AND number < :before
ORDER BY number DESC LIMIT :limit;

-- name: version
SELECT * FROM version WHERE library_id = :library AND number = :number;

-- name: entries_at
SELECT number, name, text FROM entry
WHERE library_id = :library AND since <= :version AND (until IS NULL OR until > :version)
ORDER BY number;

-- name: close_entry
UPDATE entry SET until = :version
WHERE library_id = :library AND number = :number AND until IS NULL;

-- name: open_entry
INSERT INTO entry (library_id, number, since, name, text, operation_id)
VALUES (:library, :number, :since, :name, :text, :operation);

-- name: entry_wordings
SELECT e.since, e.until, e.name, e.text, o.id AS operation, o.kind, o.body, o.sources, o.update_id,
       v.author, v.note, v.created_at
FROM entry AS e
JOIN version AS v ON v.library_id = e.library_id AND v.number = e.since
LEFT JOIN operation AS o ON o.id = e.operation_id
WHERE e.library_id = :library AND e.number = :number
ORDER BY e.since;

-- name: make_operation
INSERT INTO operation
    (library_id, version, update_id, kind, body, experience, sources, refused)
VALUES (:library, :version, :update_id, :kind, :body, :experience, :sources, :refused);

-- name: operations_of_version
SELECT * FROM operation WHERE library_id = :library AND version = :version ORDER BY id;

-- name: operations_on_experience
SELECT o.*, v.author, v.created_at
FROM operation AS o
JOIN version AS v ON v.library_id = o.library_id AND v.number = o.version
WHERE o.library_id = :library AND o.refused IS NULL
  AND (o.experience = :number
       OR EXISTS (SELECT 1 FROM json_each(o.body, '$.ids') AS i WHERE i.value = :id))
ORDER BY o.id;

-- name: link_group
INSERT OR IGNORE INTO experience_group (library_id, number, group_id)
VALUES (:library, :number, :group_id);

-- name: tasks_behind
SELECT e.number, g.task
FROM experience_group AS e JOIN attempt_group AS g ON g.id = e.group_id
WHERE e.library_id = :library AND e.number IN (SELECT value FROM json_each(:numbers))
ORDER BY e.number, e.group_id;

-- name: all_tasks_behind
SELECT e.number, g.task
FROM experience_group AS e JOIN attempt_group AS g ON g.id = e.group_id
WHERE e.library_id = :library
ORDER BY e.number, e.group_id;

-- Groups and attempts

-- name: group
SELECT * FROM attempt_group WHERE library_id = :library AND name = :name;

-- name: groups
SELECT * FROM group_standing
WHERE library_id = :library ORDER BY id LIMIT :limit OFFSET :after;

-- name: make_group
INSERT INTO attempt_group (library_id, name, task, ground_truth, created_at, changed_at)
VALUES (:library, :name, :task, :ground_truth, :now, :now)
RETURNING *;

-- name: set_ground_truth
UPDATE attempt_group SET ground_truth = :ground_truth, revision = revision + 1
WHERE id = :group_id;

-- name: attempts
SELECT * FROM attempt WHERE group_id = :group_id ORDER BY id;

-- name: attempt_marks
SELECT id, name, digest, reward FROM attempt WHERE group_id = :group_id;

-- name: make_attempt
INSERT INTO attempt
    (group_id, name, messages, reward, feedback, retrieval, model, metadata, digest, created_at)
VALUES
    (:group_id, :name, :messages, :reward, :feedback, :retrieval, :model, :metadata, :digest, :now);

-- name: score_attempt
UPDATE attempt SET reward = :reward, feedback = COALESCE(:feedback, feedback) WHERE id = :attempt;

-- name: recount_group
UPDATE attempt_group
SET (attempts, scored, best, worst) = (
        SELECT COUNT(*), COUNT(reward), MAX(reward), MIN(reward)
        FROM attempt WHERE group_id = :group_id
    ),
    revision = revision + 1, failures = 0, failure = NULL, changed_at = :now
WHERE id = :group_id;

-- name: group_after
SELECT g.name, g.attempts, g.signal, g.learnable, g.set_aside, g.failure,
       (SELECT COUNT(*) FROM waiting_group AS w WHERE w.library_id = g.library_id) AS waiting
FROM group_standing AS g WHERE g.id = :group_id;

-- name: waiting_groups
SELECT id, revision FROM waiting_group WHERE library_id = :library ORDER BY id LIMIT :limit;

-- name: unlearned_lately
SELECT COUNT(*) AS groups, COALESCE(SUM(signal OR learnable), 0) AS fit,
       EXISTS (
           SELECT 1 FROM version WHERE library_id = :library AND update_id IS NOT NULL
       ) AS has_learned
FROM (
    SELECT signal, learnable FROM group_standing
    WHERE library_id = :library AND revision > learned ORDER BY id DESC LIMIT :limit
);

-- name: waiting_count
SELECT COUNT(*) AS waiting, MIN(changed_at) AS oldest
FROM waiting_group WHERE library_id = :library;

-- name: open_count
SELECT COUNT(*) AS groups, COALESCE(
    SUM(u.leased_till BETWEEN :now_seconds AND :longest_till), 0
) AS learning
FROM learning_update AS u JOIN update_group AS g ON g.update_id = u.id
WHERE u.library_id = :library AND u.status = 'open';

-- name: waiting_by_library
SELECT l.name, COUNT(*) AS waiting
FROM waiting_group AS w JOIN library AS l ON l.id = w.library_id
GROUP BY l.id ORDER BY l.name;

-- name: group_counts
SELECT COUNT(*) AS groups,
       COALESCE(SUM(signal), 0) AS signal,
       COALESCE(SUM(attempts), 0) AS attempts,
       COALESCE(SUM(learned > 0), 0) AS learned,
       COALESCE(SUM(set_aside), 0) AS set_aside
FROM group_standing WHERE library_id = :library;

-- name: group_learned
UPDATE attempt_group SET learned = MAX(learned, :revision), failures = 0, failure = NULL
WHERE id = :group_id;

-- name: group_failed
UPDATE attempt_group
SET failures = CASE WHEN :final THEN MAX(failures + 1, 3) ELSE failures + 1 END,
    failure = :failure
WHERE id = :group_id AND revision = :revision;

-- name: note_set_aside
INSERT INTO group_offer (group_id, learner, policy, revision)
SELECT id, :learner, :policy, revision FROM attempt_group
WHERE id = :group_id AND revision = :revision AND failures >= 3
ON CONFLICT (group_id, learner, policy) DO UPDATE SET revision = excluded.revision;

-- name: offerable_groups
SELECT g.id AS group_id, g.revision, l.policy
FROM attempt_group AS g JOIN library AS l ON l.id = g.library_id
WHERE g.failures >= 3 AND g.revision > g.learned
  AND (:library IS NULL OR g.library_id = :library)
  AND NOT EXISTS (
      SELECT 1 FROM group_offer AS o
      WHERE o.group_id = g.id AND o.learner = :learner AND o.policy = l.policy
        AND o.revision = g.revision
  );

-- name: offer_group
UPDATE attempt_group SET failures = 0 WHERE id = :group_id;

-- name: set_aside_groups
SELECT * FROM group_standing
WHERE library_id = :library AND failures >= 3 ORDER BY id DESC LIMIT :limit;

-- name: retry_set_aside
UPDATE attempt_group SET failures = 0
WHERE id IN (SELECT id FROM group_standing WHERE library_id = :library AND set_aside);

-- Updates

-- name: make_update
INSERT INTO learning_update
    (id, library_id, driver, policy, bases, owner, leased_till, prompt_bound, created_at,
     changed_at)
VALUES (:id, :library, :driver, :policy, :bases, :owner, :leased_till, :prompt_bound, :now, :now);

-- name: make_update_group
INSERT INTO update_group (update_id, position, group_id, revision, attempts)
VALUES (
    :update_id, :position, :group_id, :revision,
    (SELECT json_group_array(json_array(id, reward)) FROM (
        SELECT id, reward FROM attempt WHERE group_id = :group_id ORDER BY id
    ))
);

-- name: set_relevant
UPDATE update_group SET relevant = :relevant
WHERE update_id = :update_id AND position = :position AND relevant IS NULL;

-- name: update
SELECT u.*, l.name AS library FROM learning_update AS u JOIN library AS l ON l.id = u.library_id
WHERE u.id = :id;

-- name: open_updates
SELECT u.id, u.driver, u.owner, u.leased_till, u.changed_at FROM learning_update AS u
WHERE u.library_id = :library AND u.status = 'open' ORDER BY u.created_at, u.id;

-- name: libraries_with_open_updates
SELECT DISTINCT l.name FROM learning_update AS u JOIN library AS l ON l.id = u.library_id
WHERE u.status = 'open' ORDER BY l.name;

-- name: updates
SELECT u.*, (SELECT COUNT(*) FROM update_group AS g WHERE g.update_id = u.id) AS groups,
       COUNT(a.id) AS calls, COALESCE(SUM(a.prompt_tokens), 0) AS prompt_tokens,
       COALESCE(SUM(a.cached_tokens), 0) AS cached_tokens,
       COALESCE(SUM(a.completion_tokens), 0) AS completion_tokens, SUM(a.cost) AS cost
FROM (
    SELECT u.* FROM learning_update AS u LEFT JOIN learning_update AS b ON b.id = :before AND b.library_id = :library
    WHERE u.library_id = :library
      AND (b.id IS NULL OR u.created_at < b.created_at
           OR (u.created_at = b.created_at AND u.id > b.id))
    ORDER BY u.created_at DESC, u.id LIMIT :limit
) AS u LEFT JOIN answer AS a ON a.update_id = u.id
GROUP BY u.id ORDER BY u.created_at DESC, u.id;

-- name: update_groups
SELECT ug.*, g.name, g.task, g.ground_truth, g.created_at
FROM update_group AS ug JOIN attempt_group AS g ON g.id = ug.group_id
WHERE ug.update_id = :update_id ORDER BY ug.position;

-- name: rebase_update
UPDATE learning_update SET bases = json_insert(bases, '$[#]', :version), changed_at = :now
WHERE id = :id AND status = 'open';

-- name: close_update
UPDATE learning_update
SET status = :status, version = :version, reason = :reason, owner = NULL, leased_till = NULL,
    changed_at = :now
WHERE id = :id AND status = 'open';

-- name: updates_to_review
SELECT * FROM learning_update
WHERE library_id = :library AND status = 'awaiting_review' ORDER BY changed_at, id;

-- name: proposals
SELECT * FROM operation WHERE update_id = :update_id AND version IS NULL AND refused IS NULL
ORDER BY id;

-- name: forget_proposals
DELETE FROM operation WHERE update_id = :update_id AND version IS NULL AND refused IS NULL;

-- name: adopt_refusals
UPDATE operation SET version = :version WHERE update_id = :update_id AND version IS NULL;

-- name: close_review
UPDATE learning_update
SET status = :status, version = :version, reason = :reason, changed_at = :now
WHERE id = :id AND status = 'awaiting_review';

-- name: lease_update
UPDATE learning_update SET owner = :owner, leased_till = :till
WHERE id = :id AND status = 'open'
  AND (
      owner IS NULL OR owner = :owner
      OR leased_till NOT BETWEEN :now_seconds AND :longest_till
  )
  AND (
      driver = 'model' OR owner IS NOT NULL
      OR changed_at NOT BETWEEN :idle_since AND :latest
  );

-- name: keep_lease
UPDATE learning_update SET leased_till = :till
WHERE id = :id AND status = 'open' AND owner = :owner;

-- name: release_lease
UPDATE learning_update SET owner = NULL, leased_till = NULL WHERE id = :id AND owner = :owner;

-- name: release_leases
UPDATE learning_update SET owner = NULL, leased_till = NULL WHERE owner = :owner;

-- name: leasable_updates
SELECT u.id FROM learning_update AS u
WHERE u.status = 'open' AND u.library_id = :library
  AND (u.owner IS NULL OR u.leased_till NOT BETWEEN :now_seconds AND :longest_till)
  AND (
      u.driver = 'model' OR u.owner IS NOT NULL
      OR u.changed_at NOT BETWEEN :idle_since AND :latest
  )
ORDER BY u.created_at, u.id;

-- Requests and answers

-- name: ask
INSERT INTO request (update_id, name, prompt, asked_at) VALUES (:update_id, :name, :prompt, :now)
ON CONFLICT DO NOTHING;

-- name: requests
SELECT * FROM request WHERE update_id = :update_id ORDER BY asked_at, name;

-- name: fail_request
UPDATE request SET failed = :reason WHERE update_id = :update_id AND name = :name;

-- name: count_round
UPDATE request SET rounds = rounds + 1 WHERE update_id = :update_id AND name = :name
RETURNING rounds;

-- name: make_answer
INSERT INTO answer
    (update_id, request, text, refused, model, prompt_tokens, cached_tokens, completion_tokens,
     cost, created_at)
SELECT :update_id, :request, :text, :refused, :model, :prompt_tokens, :cached_tokens,
       :completion_tokens, :cost, :now
WHERE EXISTS (SELECT 1 FROM learning_update WHERE id = :update_id AND status = 'open')
ON CONFLICT (update_id, request) WHERE refused IS NULL DO NOTHING;

-- name: refuse_taken_answer
UPDATE answer SET refused = :reason
WHERE update_id = :update_id AND request = :request AND refused IS NULL;

-- name: touch_update
UPDATE learning_update SET changed_at = :now WHERE id = :id;

-- name: answers
SELECT * FROM answer WHERE update_id = :update_id ORDER BY id;

-- name: usage
SELECT COUNT(*) AS calls, COALESCE(SUM(a.prompt_tokens), 0) AS prompt_tokens,
       COALESCE(SUM(a.cached_tokens), 0) AS cached_tokens,
       COALESCE(SUM(a.completion_tokens), 0) AS completion_tokens, SUM(a.cost) AS cost
FROM answer AS a WHERE a.update_id = :update_id;

-- name: library_usage
SELECT COUNT(*) AS calls, COALESCE(SUM(a.prompt_tokens), 0) AS prompt_tokens,
       COALESCE(SUM(a.cached_tokens), 0) AS cached_tokens,
       COALESCE(SUM(a.completion_tokens), 0) AS completion_tokens, SUM(a.cost) AS cost
FROM answer AS a JOIN learning_update AS u ON u.id = a.update_id WHERE u.library_id = :library;

-- Retrievals

-- name: make_retrieval
INSERT INTO retrieval (id, library_id, version, task, served, created_at)
VALUES (:id, :library, :version, :task, :served, :now);

-- name: retrievals
SELECT id, version, served FROM retrieval
WHERE library_id = :library AND id IN (SELECT value FROM json_each(:ids));

-- name: libraries_of_retrievals
SELECT r.id, l.name AS library FROM retrieval AS r JOIN library AS l ON l.id = r.library_id
WHERE r.id IN (SELECT value FROM json_each(:ids));

-- Totals over the libraries of these names, or over all (NULL)

-- Changes with every commit of another connection, including this process's writer.
-- name: data_version
PRAGMA data_version;

-- name: totals
WITH counted AS MATERIALIZED (
    SELECT id, size FROM library
    WHERE :names IS NULL OR name IN (SELECT value FROM json_each(:names))
)
SELECT (SELECT COUNT(*) FROM counted) AS libraries,
       (SELECT COALESCE(SUM(size), 0) FROM counted) AS experiences,
       (SELECT COUNT(*) FROM attempt_group WHERE library_id IN (SELECT id FROM counted)) AS groups,
       (SELECT COALESCE(SUM(attempts), 0) FROM attempt_group
        WHERE library_id IN (SELECT id FROM counted)) AS attempts,
       (SELECT COUNT(*) FROM waiting_group
        WHERE library_id IN (SELECT id FROM counted)) AS waiting,
       (SELECT COUNT(*) FROM retrieval
        WHERE library_id IN (SELECT id FROM counted)) AS retrievals;

-- name: update_totals
SELECT status, COUNT(*) AS updates FROM learning_update
WHERE :names IS NULL
   OR library_id IN (
       SELECT id FROM library WHERE name IN (SELECT value FROM json_each(:names))
   )
GROUP BY status;

-- Workers

-- name: report_trouble
INSERT INTO worker_trouble (owner, since, seen, reason) VALUES (:owner, :since, :now, :reason)
ON CONFLICT (owner) DO UPDATE SET since = excluded.since, seen = excluded.seen,
                                  reason = excluded.reason;

-- name: forget_trouble
DELETE FROM worker_trouble WHERE owner = :owner OR seen < :stale;

-- name: troubles
SELECT owner, since, reason FROM worker_trouble WHERE seen >= :fresh ORDER BY since, owner;

-- Tokens

-- name: make_token
INSERT INTO token (id, name, digest, scopes, libraries, created_at, expires_at)
VALUES (:id, :name, :digest, :scopes, :libraries, :created_at, :expires_at);

-- name: token_of_digest
SELECT * FROM token WHERE digest = :digest AND (expires_at IS NULL OR expires_at > :now);

-- name: expired_token_of_digest
SELECT * FROM token WHERE digest = :digest AND expires_at <= :now;

-- name: token_named
SELECT * FROM token WHERE name = :name OR id = :name ORDER BY name = :name DESC LIMIT 1;

-- name: tokens
SELECT * FROM token ORDER BY name;

-- name: delete_token
DELETE FROM token WHERE id = :id;

-- name: update_library
SELECT l.name AS library FROM learning_update AS u JOIN library AS l ON l.id = u.library_id
WHERE u.id = :id;
