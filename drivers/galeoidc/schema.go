package galeoidc

import (
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the tables of a [Store], for a migration of the application. It is
// the same on SQLite and Postgres. Times are Unix milliseconds, 0 for never;
// lists have a space between their parts; hashes are SHA-256 in hex.
const Schema = `CREATE TABLE oauth_clients (
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
` + SchemaDisabled

// SchemaDisabled is the end of [Schema], for a migration of an application that
// has the tables from before clients could be disabled.
const SchemaDisabled = `ALTER TABLE oauth_clients ADD COLUMN disabled_at BIGINT NOT NULL DEFAULT 0;
`

// Store keeps clients, requests, codes, tokens and grants in the tables that
// [Schema] makes. It is safe for concurrent use, also by several instances of
// the application. Its clock is the system's, and once it belongs to a [Server]
// that of the server's options.
type Store struct {
	db    *db.DB
	clock atomic.Pointer[func() time.Time]
}

// NewStore returns a store on d, which stays the caller's to close.
func NewStore(d *db.DB) *Store {
	if d == nil {
		panic("galeoidc: NewStore without a database; open one with db.Open")
	}
	return &Store{db: d}
}

func (s *Store) now() time.Time {
	if clock := s.clock.Load(); clock != nil {
		return (*clock)()
	}
	return time.Now()
}
