-- How groups stand, by the policy of their library; said here and nowhere else.

-- signal:    winners can be told from losers
-- learnable: there is something to compare that was not learned from yet
-- set_aside: so many updates failed on it (MAX_FAILURES) that no other takes it
CREATE VIEW group_standing AS
SELECT g.*,
       g.revision > g.learned AND (
           g.signal
           OR (g.unrewarded AND g.scored = 0 AND g.attempts > 1)
           OR (g.single AND g.attempts = 1 AND (g.scored = 1 OR g.unrewarded))
       ) AS learnable,
       g.failures >= 3 AS set_aside
FROM (
    SELECT g.*,
           COALESCE(g.best - g.worst > json_extract(l.policy, '$.min_spread'), 0) AS signal,
           COALESCE(json_extract(l.policy, '$.learn_without_rewards'), 0) AS unrewarded,
           COALESCE(json_extract(l.policy, '$.learn_from_single_attempts'), 0) AS single
    FROM attempt_group AS g JOIN library AS l ON l.id = g.library_id
) AS g;

-- Groups that an update could take: no other one that is open has them.
CREATE VIEW waiting_group AS
SELECT g.* FROM group_standing AS g
WHERE g.learnable AND NOT g.set_aside
  AND NOT EXISTS (
      SELECT 1 FROM update_group AS ug JOIN learning_update AS u ON u.id = ug.update_id
      WHERE ug.group_id = g.id AND u.status = 'open'
  );
