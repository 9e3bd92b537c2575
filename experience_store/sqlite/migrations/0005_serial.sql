-- A library's id is never given again, not even after the library was deleted: whoever still has it
-- finds nothing, and two libraries that had the same name one after the other can be told apart.

CREATE TABLE library_serial (last INTEGER NOT NULL);
INSERT INTO library_serial SELECT COALESCE(MAX(id), 0) FROM library;

-- JSON has no infinity, so queries could not read a policy with one.
UPDATE library SET policy = REPLACE(policy, 'Infinity', '0.0') WHERE policy LIKE '%Infinity%';
UPDATE learning_update SET policy = REPLACE(policy, 'Infinity', '0.0')
WHERE policy LIKE '%Infinity%';
