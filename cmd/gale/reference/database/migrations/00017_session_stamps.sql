-- +goose Up
-- The table of session.SQLStore anew, word for word; a test compares it with session.Schema. Of the sessions of before it
-- is not known by which password they were opened: everybody signs in once more.
DROP TABLE sessions;
CREATE TABLE sessions (
	hash       TEXT   PRIMARY KEY, -- SHA-256 of the token, in hex
	id         TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,    -- '' for an anonymous session
	created_at BIGINT NOT NULL,    -- this and the next two: Unix milliseconds
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	user_agent TEXT   NOT NULL,
	addr       TEXT   NOT NULL,
	data       TEXT   NOT NULL,    -- JSON, or ''
	version    BIGINT NOT NULL,
	stamp      TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user_id ON sessions (user_id, seen_at) WHERE user_id <> '';
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- +goose Down
DROP TABLE sessions;
CREATE TABLE sessions (
	hash       TEXT   PRIMARY KEY, -- SHA-256 of the token, in hex
	id         TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,    -- '' for an anonymous session
	created_at BIGINT NOT NULL,    -- this and the next two: Unix milliseconds
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	user_agent TEXT   NOT NULL,
	addr       TEXT   NOT NULL,
	data       TEXT   NOT NULL,    -- JSON, or ''
	version    BIGINT NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id, seen_at) WHERE user_id <> '';
CREATE INDEX sessions_expires_at ON sessions (expires_at);
