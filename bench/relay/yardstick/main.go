// Command yardstick takes packets as relay does with nothing but net/http,
// encoding/json and database/sql: what a careful Go program costs without a
// framework. It has one key, one channel and no pages; it logs nothing.
package main

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"time"

	_ "modernc.org/sqlite"
)

// schema is the table of relay with its indexes.
const schema = `
CREATE TABLE channels (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO channels (id, name) VALUES (1, 'bench');
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
CREATE UNIQUE INDEX packets_client_id ON packets (channel_id, sender, client_id) WHERE client_id IS NOT NULL;`

const insert = `INSERT INTO packets (channel_id, kind, sender, client_id, payload, created_at) VALUES (1, ?, 'bench', ?, ?, ?)`

const maxBody = 1 << 20

type draft struct {
	Kind     string          `json:"kind"`
	Payload  json.RawMessage `json:"payload"`
	ClientID string          `json:"client_id"`
}

type receipt struct {
	ID int64 `json:"id"`
}

type handler struct {
	db     *sql.DB
	insert *sql.Stmt
	key    []byte
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "where to listen")
	key := flag.String("key", "", "the key that senders must have")
	file := flag.String("db", "yardstick.db", "database file, which must not exist")
	flag.Parse()
	db, err := sql.Open("sqlite", dsn(*file))
	if err != nil {
		log.Fatal(err)
	}
	// SQLite has one writer; a second connection would only wait for its lock.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		log.Fatal(err)
	}
	stmt, err := db.PrepareContext(context.Background(), insert)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("POST /api/v1/channels/bench/packets", &handler{db, stmt, []byte("Bearer " + *key)})
	log.Fatal((&http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe())
}

// dsn has the settings that relay has: a commit is on the disk.
func dsn(file string) string {
	q := url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(5000)", "cache_size(-8192)", "temp_store(MEMORY)"},
		"_txlock": {"immediate"},
	}
	return "file:" + file + "?" + q.Encode()
}

// ServeHTTP answers 201 and the ids once the packets of the body, an object or
// an array, are committed.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), h.key) != 1 {
		http.Error(w, "unknown key", http.StatusUnauthorized)
		return
	}
	var body json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	drafts, many, err := decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	receipts, err := h.store(r.Context(), drafts)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	var answer any = receipts
	if !many {
		answer = receipts[0]
	}
	b, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(b)
}

func decode(body json.RawMessage) (drafts []draft, many bool, err error) {
	if many = body[0] == '['; many {
		err = json.Unmarshal(body, &drafts)
	} else {
		drafts = make([]draft, 1)
		err = json.Unmarshal(body, &drafts[0])
	}
	if err != nil {
		return nil, many, err
	}
	for i, d := range drafts {
		if d.Kind == "" || len(d.Kind) > 64 || len(d.Payload) == 0 || d.Payload[0] != '{' || len(d.ClientID) > 128 {
			return nil, many, fmt.Errorf("packet %d needs a kind of at most 64 bytes and an object as payload", i)
		}
	}
	return drafts, many, nil
}

// store inserts the drafts in one transaction, with one prepared statement.
func (h *handler) store(ctx context.Context, drafts []draft) ([]receipt, error) {
	receipts := make([]receipt, 0, len(drafts))
	add := func(stmt *sql.Stmt, d draft, at int64) error {
		res, err := stmt.ExecContext(ctx, d.Kind, sql.NullString{String: d.ClientID, Valid: d.ClientID != ""}, string(d.Payload), at)
		if err != nil {
			return err
		}
		id, err := res.LastInsertId()
		receipts = append(receipts, receipt{id})
		return err
	}
	now := time.Now().UnixMicro()
	if len(drafts) == 1 { // a statement alone is a transaction
		err := add(h.insert, drafts[0], now)
		return receipts, err
	}
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	stmt := tx.StmtContext(ctx, h.insert)
	for _, d := range drafts {
		if err := add(stmt, d, now); err != nil {
			return nil, err
		}
	}
	return receipts, tx.Commit()
}
