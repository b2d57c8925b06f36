-- +goose Up
-- The tables of roles.SQLStore; a test compares them with roles.Schema.
CREATE TABLE role_permissions (
	role        TEXT PRIMARY KEY,
	permissions TEXT NOT NULL -- JSON array of strings
);
CREATE TABLE role_version (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	version BIGINT  NOT NULL
);
INSERT INTO role_version (id, version) VALUES (1, 0);

-- +goose Down
DROP TABLE role_version;
DROP TABLE role_permissions;
