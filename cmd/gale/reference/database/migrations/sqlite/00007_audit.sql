-- +goose Up
-- The tables of audit.Log; a test compares them with its schema.
CREATE TABLE audit_log (
	seq        BIGINT PRIMARY KEY, -- 1, 2, 3 … without gaps
	at         BIGINT NOT NULL,    -- Unix microseconds
	actor_id   TEXT   NOT NULL,
	actor_name TEXT   NOT NULL,
	action     TEXT   NOT NULL,
	target     TEXT   NOT NULL,
	outcome    TEXT   NOT NULL,
	addr       TEXT   NOT NULL,
	user_agent TEXT   NOT NULL,
	request_id TEXT   NOT NULL,
	detail     TEXT   NOT NULL,    -- JSON, or ''
	hash       TEXT   NOT NULL     -- of this row and of the hash before, in hex
);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
CREATE TABLE audit_state (
	id       BIGINT PRIMARY KEY CHECK (id = 1),
	seq      BIGINT NOT NULL, -- of the last record
	hash     TEXT   NOT NULL,
	cut_seq  BIGINT NOT NULL, -- of the last record that retention has removed
	cut_hash TEXT   NOT NULL,
	mac      TEXT   NOT NULL  -- hash of the four before
);
INSERT INTO audit_state (id, seq, hash, cut_seq, cut_hash, mac) VALUES (1, 0, '', 0, '', '');
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.seq > (SELECT cut_seq FROM audit_state WHERE id = 1) BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_state_no_delete BEFORE DELETE ON audit_state BEGIN
	SELECT RAISE(ABORT, 'audit_state must keep its row');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER audit_state_no_delete;
DROP TRIGGER audit_log_no_delete;
DROP TRIGGER audit_log_no_update;
DROP TABLE audit_state;
DROP TABLE audit_log;
