-- +goose Up
CREATE TABLE channels (
	id         BIGINT      PRIMARY KEY,
	name       TEXT        NOT NULL UNIQUE,
	title      TEXT        NOT NULL,
	public     BOOLEAN     NOT NULL,
	owner_id   TEXT        NOT NULL REFERENCES users (id),
	created_at TIMESTAMPTZ NOT NULL
);

-- +goose Down
DROP TABLE channels;
