-- What is looked through for every row that goes when a library is deleted.

CREATE INDEX entry_by_operation ON entry (operation_id);
CREATE INDEX experience_group_by_group ON experience_group (group_id);
CREATE INDEX update_group_by_group ON update_group (group_id);
