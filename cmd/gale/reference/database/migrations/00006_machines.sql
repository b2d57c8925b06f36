-- +goose Up
-- What a key may do, with spaces between. Keys from before keep all that the API ever let a key do.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'packets.read packets.send channels.manage';
ALTER TABLE api_keys ADD COLUMN expires_at TIMESTAMPTZ;
-- The secret from before the last rotation, and until when it still works.
ALTER TABLE api_keys ADD COLUMN previous BYTEA;
ALTER TABLE api_keys ADD COLUMN previous_until TIMESTAMPTZ;

-- +goose Down
ALTER TABLE api_keys DROP COLUMN previous_until;
ALTER TABLE api_keys DROP COLUMN previous;
ALTER TABLE api_keys DROP COLUMN expires_at;
ALTER TABLE api_keys DROP COLUMN scopes;
