-- +goose Up
-- The table of oauth.SQLStore; a test compares it with oauth.Schema.
CREATE TABLE oauth_links (
	issuer     TEXT   NOT NULL,
	subject    TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	provider   TEXT   NOT NULL,
	email      TEXT   NOT NULL, -- when it was linked, for people
	created_at BIGINT NOT NULL, -- this and the next: Unix milliseconds
	used_at    BIGINT NOT NULL,
	PRIMARY KEY (issuer, subject)
);
CREATE INDEX oauth_links_user_id ON oauth_links (user_id, created_at);

-- +goose Down
DROP TABLE oauth_links;
