-- +goose Up
-- Times are TIMESTAMPTZ on Postgres; SQLite takes any type and keeps microseconds.
CREATE TABLE counters (
	name  TEXT   PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('users', 0), ('channels', 0), ('packets', 0);

CREATE TABLE users (
	id            TEXT        PRIMARY KEY,
	name          TEXT        NOT NULL UNIQUE,
	email         TEXT        NOT NULL UNIQUE,
	password_hash TEXT        NOT NULL,
	role          TEXT        NOT NULL,
	disabled      BOOLEAN     NOT NULL DEFAULT FALSE,
	created_at    TIMESTAMPTZ NOT NULL
);

-- Every name that a user has or had. It is never given to another, since packets are kept under it.
CREATE TABLE user_names (
	name    TEXT PRIMARY KEY,
	user_id TEXT NOT NULL REFERENCES users (id)
);

CREATE TABLE api_keys (
	id           TEXT        PRIMARY KEY,
	user_id      TEXT        NOT NULL REFERENCES users (id),
	name         TEXT        NOT NULL,
	hash         BYTEA       NOT NULL,
	created_at   TIMESTAMPTZ NOT NULL,
	last_used_at TIMESTAMPTZ,
	revoked_at   TIMESTAMPTZ
);
-- A name is free again once its key is revoked.
CREATE UNIQUE INDEX api_keys_user_name ON api_keys (user_id, name) WHERE revoked_at IS NULL;

-- The table of session.SQLStore; a test compares it with session.Schema.
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

-- +goose Down
DROP TABLE sessions;
DROP TABLE api_keys;
DROP TABLE user_names;
DROP TABLE users;
DROP TABLE counters;
