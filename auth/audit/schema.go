package audit

// The tables are the same on both databases; only triggers are written otherwise.
const tables = `CREATE TABLE audit_log (
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
`

// SchemaTarget is the index that [Filter].Of needs, of both schemas: for a
// migration of an application whose tables are older than it.
const SchemaTarget = `CREATE INDEX audit_log_target ON audit_log (target, seq);
`

// SchemaSQLite is the tables on SQLite, for a migration of the application. In a
// file of package migrate put each CREATE TRIGGER between "-- +goose
// StatementBegin" and "-- +goose StatementEnd".
const SchemaSQLite = tables + `CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.seq > (SELECT cut_seq FROM audit_state WHERE id = 1) BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_state_no_delete BEFORE DELETE ON audit_state BEGIN
	SELECT RAISE(ABORT, 'audit_state must keep its row');
END;
` + SchemaTarget

// SchemaPostgres is the tables on Postgres, for a migration of the application.
// In a file of package migrate put the CREATE FUNCTION between "-- +goose
// StatementBegin" and "-- +goose StatementEnd".
const SchemaPostgres = tables + `CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_log' THEN
		IF OLD.seq <= (SELECT cut_seq FROM audit_state WHERE id = 1) THEN
			RETURN OLD;
		END IF;
	END IF;
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_state_no_delete BEFORE DELETE OR TRUNCATE ON audit_state FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
` + SchemaTarget
