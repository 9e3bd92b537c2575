-- Queries of export and import. Rows are in the order in which they were written; in an archive,
-- indices in these lists replace row ids.

-- name: export_versions
SELECT * FROM version WHERE library_id = :library ORDER BY number;

-- name: export_operations
SELECT * FROM operation WHERE library_id = :library ORDER BY id;

-- name: export_wordings
SELECT * FROM entry WHERE library_id = :library ORDER BY number, since;

-- name: export_groups
SELECT * FROM group_standing WHERE library_id = :library ORDER BY id;

-- name: export_attempts
SELECT a.* FROM attempt AS a JOIN attempt_group AS g ON g.id = a.group_id
WHERE g.library_id = :library ORDER BY a.id;

-- name: export_links
SELECT e.number, g.name FROM experience_group AS e JOIN attempt_group AS g ON g.id = e.group_id
WHERE e.library_id = :library ORDER BY e.number, e.group_id;

-- name: export_updates
SELECT * FROM learning_update WHERE library_id = :library ORDER BY created_at, id;

-- name: export_retrievals
SELECT * FROM retrieval WHERE library_id = :library ORDER BY created_at, id;

-- name: taken_updates
SELECT id FROM learning_update WHERE id IN (SELECT value FROM json_each(:ids));

-- name: taken_retrievals
SELECT id FROM retrieval WHERE id IN (SELECT value FROM json_each(:ids));

-- name: import_library
INSERT INTO library
    (id, name, agent_objective, learning_objective, policy, head, size, next_number, created_at)
VALUES
    (:id, :name, :agent_objective, :learning_objective, :policy, :head, :size, :next_number,
     :created_at);

-- name: import_group
INSERT INTO attempt_group
    (library_id, name, task, ground_truth, attempts, scored, best, worst, revision, learned,
     failures, failure, created_at, changed_at)
VALUES
    (:library, :name, :task, :ground_truth, :attempts, :scored, :best, :worst, :revision, :learned,
     :failures, :failure, :created_at, :changed_at);

-- name: import_update
INSERT INTO learning_update
    (id, library_id, driver, status, bases, version, reason, created_at, changed_at)
VALUES
    (:id, :library, :driver, :status, :bases, :version, :reason, :created_at, :changed_at);

-- name: import_update_group
INSERT INTO update_group (update_id, position, group_id, revision, attempts, relevant)
VALUES (:update_id, :position, :group_id, :revision, :attempts, :relevant);

-- name: import_request
INSERT INTO request (update_id, name, prompt, asked_at, failed)
VALUES (:update_id, :name, :prompt, :asked_at, :failed);

-- name: import_wording
INSERT INTO entry (library_id, number, since, until, name, text, operation_id)
VALUES (:library, :number, :since, :until, :name, :text, :operation);

-- name: import_answer
INSERT INTO answer
    (update_id, request, text, refused, model, prompt_tokens, cached_tokens, completion_tokens,
     cost, created_at)
VALUES
    (:update_id, :request, :text, :refused, :model, :prompt_tokens, :cached_tokens,
     :completion_tokens, :cost, :now);
