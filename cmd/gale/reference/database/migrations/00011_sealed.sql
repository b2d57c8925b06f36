-- +goose Up
-- Mail addresses are encrypted from here on. SQL has no keys: before relay serves, Store.Seal
-- moves what is in clear.
ALTER TABLE users RENAME COLUMN email TO email_clear;  -- once that is done a tilde and the id
ALTER TABLE users ADD COLUMN email BYTEA;              -- bound to the id
ALTER TABLE users ADD COLUMN email_index BYTEA;
CREATE UNIQUE INDEX users_email_index ON users (email_index);
CREATE INDEX users_unsealed ON users (id) WHERE email IS NULL;

DROP INDEX mail_links_email;
ALTER TABLE mail_links RENAME COLUMN email TO email_clear;  -- once that is done ''
ALTER TABLE mail_links ADD COLUMN email BYTEA;              -- bound to the hash
ALTER TABLE mail_links ADD COLUMN email_index BYTEA;
CREATE INDEX mail_links_email_index ON mail_links (email_index);

-- Its keys were addresses, too, or hashes that can be guessed. All limits begin anew, this once.
DELETE FROM rate_limits;

-- The tables of package reencrypt; a test compares them with its Schema.
CREATE TABLE keyring_jobs (
	job       TEXT PRIMARY KEY,
	target    TEXT NOT NULL, -- ids of the keys that the job moves to
	after_key TEXT NOT NULL  -- key of the last row that it did
);
CREATE TABLE keyring_columns (
	name TEXT PRIMARY KEY -- table, dot, column: of encrypted values or of an index
);
INSERT INTO keyring_columns (name) VALUES
	('users.email'), ('users.email_index'), ('mail_links.email'), ('mail_links.email_index'),
	('totp_authenticators.secret'), ('recovery_codes.hash');

-- +goose Down
-- It fails, and changes nothing, where there are addresses: SQL cannot open them. Then the way
-- back is a backup.
UPDATE users SET email_clear = NULL WHERE email IS NOT NULL;
DROP TABLE keyring_columns;
DROP TABLE keyring_jobs;
DELETE FROM mail_links;
DROP INDEX mail_links_email_index;
ALTER TABLE mail_links DROP COLUMN email_index;
ALTER TABLE mail_links DROP COLUMN email;
ALTER TABLE mail_links RENAME COLUMN email_clear TO email;
CREATE INDEX mail_links_email ON mail_links (email);
DROP INDEX users_unsealed;
DROP INDEX users_email_index;
ALTER TABLE users DROP COLUMN email_index;
ALTER TABLE users DROP COLUMN email;
ALTER TABLE users RENAME COLUMN email_clear TO email;
