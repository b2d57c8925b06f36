-- +goose Up
-- Browsers that were known before a change of password are not any more.
ALTER TABLE users ADD COLUMN password_changed_at TIMESTAMPTZ;
-- A deleted user's row stays without all that was personal: names and channels refer to it.
ALTER TABLE users ADD COLUMN deleted_at TIMESTAMPTZ;

-- Links in mails: only the hash of the token, so that reading this table opens nothing.
CREATE TABLE mail_links (
	hash       BYTEA       PRIMARY KEY,
	purpose    TEXT        NOT NULL,
	user_id    TEXT        NOT NULL, -- '' for a sign-up
	email      TEXT        NOT NULL,
	name       TEXT        NOT NULL,
	created_at TIMESTAMPTZ NOT NULL,
	expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX mail_links_user ON mail_links (user_id) WHERE user_id <> '';
CREATE INDEX mail_links_email ON mail_links (email);
CREATE INDEX mail_links_expires_at ON mail_links (expires_at);

-- The table of ratelimit.SQLStore; a test compares it with ratelimit.Schema.
CREATE TABLE rate_limits (
	bucket     TEXT   PRIMARY KEY, -- name of the limit, colon, key
	drained_at BIGINT NOT NULL,    -- Unix microseconds
	capacity   BIGINT NOT NULL     -- microseconds
);
CREATE INDEX rate_limits_drained_at ON rate_limits (drained_at);

-- +goose Down
DROP TABLE rate_limits;
DROP TABLE mail_links;
ALTER TABLE users DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN password_changed_at;
