-- The size of prompts that an update began with: resumed under another, it asks the same requests.

ALTER TABLE learning_update ADD COLUMN prompt_bound INTEGER;  -- tokens; NULL for the usual one
