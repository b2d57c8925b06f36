-- +goose Up
-- What was done to a user is found without reading all records. It is audit.SchemaTarget; a test
-- compares them.
CREATE INDEX audit_log_target ON audit_log (target, seq);

-- +goose Down
DROP INDEX audit_log_target;
