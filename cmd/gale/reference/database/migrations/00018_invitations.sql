-- +goose Up
-- An invitation is a mailed link with the role of the new account, and the user who invites.
ALTER TABLE mail_links ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_links ADD COLUMN invited_by TEXT NOT NULL DEFAULT '';
CREATE INDEX mail_links_invited_by ON mail_links (invited_by) WHERE invited_by <> '';

-- The very first account is made without a mail, so that its address is proved later, if ever.
ALTER TABLE users ADD COLUMN unproved BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE users SET unproved = TRUE WHERE created_at = (SELECT MIN(created_at) FROM users) AND id NOT IN (SELECT user_id FROM oauth_links);

-- +goose Down
ALTER TABLE users DROP COLUMN unproved;
DELETE FROM mail_links WHERE invited_by <> '';
DROP INDEX mail_links_invited_by;
ALTER TABLE mail_links DROP COLUMN invited_by;
ALTER TABLE mail_links DROP COLUMN role;
