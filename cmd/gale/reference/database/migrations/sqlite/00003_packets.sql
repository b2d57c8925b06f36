-- +goose Up
-- Ids come from counters, whose row is locked until the commit: they grow in the order of commits,
-- and so do times.
-- INTEGER PRIMARY KEY makes the id SQLite's own row id, which saves an index.
CREATE TABLE packets (
	id         INTEGER PRIMARY KEY,
	channel_id BIGINT  NOT NULL REFERENCES channels (id),
	kind       TEXT    NOT NULL,
	sender     TEXT    NOT NULL,
	client_id  TEXT,
	payload    TEXT    NOT NULL,
	created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX packets_channel ON packets (channel_id, id);
CREATE INDEX packets_kind ON packets (channel_id, kind, id);
CREATE INDEX packets_sender ON packets (channel_id, sender, id);
CREATE UNIQUE INDEX packets_client_id ON packets (channel_id, sender, client_id) WHERE client_id IS NOT NULL;

-- Packets by the second, of the last minutes only.
CREATE TABLE packet_counts (
	channel_id BIGINT NOT NULL REFERENCES channels (id),
	second     BIGINT NOT NULL, -- Unix time
	n          BIGINT NOT NULL,
	PRIMARY KEY (channel_id, second)
);

INSERT INTO counters (name, value) VALUES ('packets_at', 0);

-- +goose Down
DELETE FROM counters WHERE name = 'packets_at';
DROP TABLE packet_counts;
DROP TABLE packets;
