-- +goose Up
-- Counts what ends half a sign-in and the trust in browsers: see models.User.Stamp.
ALTER TABLE users ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

-- The table of totp.SQLStore; a test compares this and the next two with their packages' Schema.
CREATE TABLE totp_authenticators (
	id           TEXT    PRIMARY KEY, -- user id, "/", id
	user_id      TEXT    NOT NULL,
	name         TEXT    NOT NULL,
	secret       BYTEA   NOT NULL,    -- encrypted, bound to the user id
	created_at   BIGINT  NOT NULL,    -- this and the next: Unix milliseconds
	last_used_at BIGINT  NOT NULL,    -- 0 for never
	last_step    BIGINT  NOT NULL,
	confirmed    BOOLEAN NOT NULL
);
CREATE INDEX totp_authenticators_user_id ON totp_authenticators (user_id, created_at);

CREATE TABLE recovery_codes (
	user_id    TEXT   NOT NULL,
	slot       BIGINT NOT NULL, -- 0, 1, 2 …: a user has no two codes in one
	hash       BYTEA  NOT NULL, -- keyed
	created_at BIGINT NOT NULL, -- Unix milliseconds
	PRIMARY KEY (user_id, slot)
);

CREATE TABLE passkeys (
	id           TEXT   PRIMARY KEY, -- credential id; this and the next but one are base64url
	user_id      TEXT   NOT NULL,
	user_handle  TEXT   NOT NULL,    -- 64 random bytes
	name         TEXT   NOT NULL,
	public_key   TEXT   NOT NULL,    -- COSE_Key in base64url
	sign_count   BIGINT NOT NULL,
	transports   TEXT   NOT NULL,    -- with spaces between
	flags        BIGINT NOT NULL,    -- 1: user verified, 2: backup eligible, 4: backed up
	created_at   BIGINT NOT NULL,    -- this and the next two: Unix milliseconds
	used_at      BIGINT NOT NULL,    -- 0 for never
	suspected_at BIGINT NOT NULL,    -- 0 for never
	recent       TEXT   NOT NULL,    -- challenges of the last minutes
	version      BIGINT NOT NULL
);
CREATE INDEX passkeys_user_id ON passkeys (user_id, created_at);

-- +goose Down
DROP TABLE passkeys;
DROP TABLE recovery_codes;
DROP TABLE totp_authenticators;
ALTER TABLE users DROP COLUMN epoch;
