-- +goose Up
-- galeoidc.SchemaDisabled; a test compares them. 0 is an app that works.
ALTER TABLE oauth_clients ADD COLUMN disabled_at BIGINT NOT NULL DEFAULT 0;

-- Addresses of accounts elsewhere become bytes, in a row with one key, so that package reencrypt
-- moves them. Store.Seal moves what is in the column email, which is '' from then on.
ALTER TABLE oauth_links ADD COLUMN email_sealed BYTEA; -- bound to account
ALTER TABLE oauth_links ADD COLUMN account TEXT GENERATED ALWAYS AS (subject || '
' || issuer) VIRTUAL;
CREATE UNIQUE INDEX oauth_links_account ON oauth_links (account);
INSERT INTO keyring_columns (name) VALUES ('oauth_links.email_sealed');

-- +goose Down
-- The addresses go: they are there for people only, who then see the id at the provider.
DELETE FROM keyring_jobs WHERE job = 'oauth_links';
DELETE FROM keyring_columns WHERE name = 'oauth_links.email_sealed';
DROP INDEX oauth_links_account;
ALTER TABLE oauth_links DROP COLUMN account;
ALTER TABLE oauth_links DROP COLUMN email_sealed;
ALTER TABLE oauth_clients DROP COLUMN disabled_at;
