-- +goose Up
-- The tables of galeoidc.Store; a test compares them with its schema.
CREATE TABLE oauth_clients (
	id             TEXT   PRIMARY KEY,
	name           TEXT   NOT NULL,
	public         BIGINT NOT NULL, -- 1 for a client that cannot keep a secret
	secret_hash    TEXT   NOT NULL, -- '' for a public one
	previous_hash  TEXT   NOT NULL, -- of the secret before the last rotation
	previous_until BIGINT NOT NULL,
	redirect_uris  TEXT   NOT NULL,
	scopes         TEXT   NOT NULL,
	grant_types    TEXT   NOT NULL,
	introspects    BIGINT NOT NULL, -- 1 for a resource server
	created_by     TEXT   NOT NULL,
	created_at     BIGINT NOT NULL
);
CREATE INDEX oauth_clients_created_by ON oauth_clients (created_by);
CREATE TABLE oauth_requests ( -- authorization requests that nobody has answered
	id           TEXT   PRIMARY KEY,
	client_id    TEXT   NOT NULL,
	redirect_uri TEXT   NOT NULL,
	scopes       TEXT   NOT NULL,
	state        TEXT   NOT NULL,
	nonce        TEXT   NOT NULL,
	challenge    TEXT   NOT NULL,
	user_hint    TEXT   NOT NULL,   -- who must answer: of an id_token_hint, or was sent to the page
	consent      BIGINT NOT NULL,   -- 1 when the client asks for the page
	auth_after   BIGINT NOT NULL,   -- the user must have signed in since
	expires_at   BIGINT NOT NULL
);
CREATE INDEX oauth_requests_expires_at ON oauth_requests (expires_at);
CREATE TABLE oauth_codes (
	hash         TEXT   PRIMARY KEY,
	family_id    TEXT   NOT NULL,   -- of the tokens that it is exchanged for
	client_id    TEXT   NOT NULL,
	user_id      TEXT   NOT NULL,
	redirect_uri TEXT   NOT NULL,
	scopes       TEXT   NOT NULL,
	nonce        TEXT   NOT NULL,
	challenge    TEXT   NOT NULL,
	auth_time    BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	used_at      BIGINT NOT NULL
);
CREATE INDEX oauth_codes_expires_at ON oauth_codes (expires_at);
CREATE TABLE oauth_families ( -- all tokens that descend from one code
	id         TEXT   PRIMARY KEY,
	client_id  TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	scopes     TEXT   NOT NULL,
	auth_time  BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL
);
CREATE INDEX oauth_families_user_id ON oauth_families (user_id, client_id);
CREATE INDEX oauth_families_expires_at ON oauth_families (expires_at);
CREATE TABLE oauth_refresh (
	hash       TEXT   PRIMARY KEY,
	family_id  TEXT   NOT NULL,
	expires_at BIGINT NOT NULL,
	spent_at   BIGINT NOT NULL
);
CREATE INDEX oauth_refresh_family_id ON oauth_refresh (family_id);
CREATE INDEX oauth_refresh_expires_at ON oauth_refresh (expires_at);
CREATE TABLE oauth_grants ( -- what users have approved
	user_id    TEXT   NOT NULL,
	client_id  TEXT   NOT NULL,
	scopes     TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL,
	PRIMARY KEY (user_id, client_id)
);
CREATE TABLE oauth_revoked ( -- access tokens that belong to no family
	jti        TEXT   PRIMARY KEY,
	expires_at BIGINT NOT NULL
);
CREATE INDEX oauth_revoked_expires_at ON oauth_revoked (expires_at);

-- +goose Down
DROP TABLE oauth_revoked;
DROP TABLE oauth_grants;
DROP TABLE oauth_refresh;
DROP TABLE oauth_families;
DROP TABLE oauth_codes;
DROP TABLE oauth_requests;
DROP TABLE oauth_clients;
