package audit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/db"
)

// Filter chooses records; its zero value all of them.
type Filter struct {
	// Of is the id of a user, by or about whom a record is: who is its actor or
	// its target. The tables need the index of [SchemaTarget].
	Of string
	// Actor is the id of an actor.
	Actor string
	// Action is an action or the first words of some: "signin" also chooses
	// "signin.totp", and not "signing".
	Action string
	// Target is the id of a target.
	Target string
	// Outcome is one of the outcomes.
	Outcome Outcome
	// RequestID is that of a request.
	RequestID string
	// From is the first moment, To the first one after.
	From, To time.Time
	// Before is the Next of a page, to list what follows it. Only for List.
	Before string
	// Limit is the size of a page, at most 500. Defaults to 50. Only for List.
	Limit int
}

// query returns conditions and their arguments.
func (f Filter) query() (where []string, args []any) {
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	if f.Actor != "" {
		add("actor_id = ?", clean(f.Actor, maxActorID))
	}
	if f.Action != "" {
		action := clean(f.Action, maxAction)
		add("(action = ? OR substr(action, 1, "+strconv.Itoa(len([]rune(action))+1)+") = ?)", action, action+".")
	}
	if f.Target != "" {
		add("target = ?", clean(f.Target, maxTarget))
	}
	if f.Outcome != "" {
		add("outcome = ?", clean(string(f.Outcome), maxAction))
	}
	if f.RequestID != "" {
		add("request_id = ?", clean(f.RequestID, maxRequestID))
	}
	if !f.From.IsZero() {
		add("at >= ?", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		add("at < ?", f.To.UnixMicro())
	}
	return where, args
}

// List returns a page of records, the newest first. The error is
// [db.ErrBadCursor] for a Before that is not of a page.
func (l *Log) List(ctx context.Context, f Filter) (db.Page[Entry], error) {
	const usual, most = 50, 500
	limit := min(f.Limit, most)
	if limit <= 0 {
		limit = usual
	}
	where, args := f.query()
	if f.Before != "" {
		var seq int64
		if err := db.DecodeCursor(f.Before, &seq); err != nil {
			return db.Page[Entry]{}, err
		}
		args = append(args, seq)
		where = append(where, "seq < $"+strconv.Itoa(len(args)))
	}
	all, err := l.entries(ctx, f.Of, where, args, "DESC", limit+1)
	if err != nil {
		return db.Page[Entry]{}, fmt.Errorf("audit: list: %w", err)
	}
	return db.NewPage(all, limit, func(e Entry) string { return db.EncodeCursor(e.Seq) }), nil
}

// Export writes the records of the filter that are there when it begins, the
// oldest first, each as a line of JSON. It reads in batches and holds no
// connection while it writes. An export of all records can be verified by
// [Check].
func (l *Log) Export(ctx context.Context, w io.Writer, f Filter) error {
	last, err := db.Get[int64](ctx, l.o.DB, `SELECT seq FROM audit_state WHERE id = 1`)
	if err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	out := bufio.NewWriter(w)
	where, args := f.query()
	n := len(args)
	where = append(where, "seq > $"+strconv.Itoa(n+1), "seq <= $"+strconv.Itoa(n+2))
	for after := int64(0); ; {
		all, err := l.entries(ctx, f.Of, where, append(args[:n:n], after, last), "ASC", batch)
		if err != nil {
			return fmt.Errorf("audit: export: %w", err)
		}
		for _, e := range all {
			if err := json.MarshalWrite(out, e, json.Deterministic(true)); err != nil {
				return fmt.Errorf("audit: export: %w", err)
			}
			if err := out.WriteByte('\n'); err != nil {
				return fmt.Errorf("audit: export: %w", err)
			}
			after = e.Seq
		}
		if len(all) < batch {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	return nil
}

// entries returns the first records, in the order, that meet all conditions.
func (l *Log) entries(ctx context.Context, of string, where []string, args []any, order string, limit int) ([]Entry, error) {
	end := ` ORDER BY seq ` + order + ` LIMIT ` + strconv.Itoa(limit)
	from := func(more ...string) string {
		sql := `SELECT ` + columns + ` FROM audit_log`
		if all := append(more, where...); len(all) > 0 {
			sql += ` WHERE ` + strings.Join(all, " AND ")
		}
		return sql + end
	}
	sql := from()
	if of != "" {
		// Each half is read by its own index, and no further than the page: an OR
		// would have all that the user ever did sorted.
		args = append(args, clean(of, maxActorID))
		id := "$" + strconv.Itoa(len(args))
		sql = `SELECT ` + columns + ` FROM (SELECT * FROM (` + from("actor_id = "+id) + `) AS did
			UNION SELECT * FROM (` + from("target = "+id) + `) AS had) AS of_user` + end
	}
	rows, err := db.All[row](ctx, l.o.DB, sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(rows))
	for i, r := range rows {
		out[i] = r.entry()
	}
	return out, nil
}

// Check verifies an export of all records, or of all from some time on, without
// the database, and returns its end, to be compared with a head that was kept.
// key is [Options].Key. The first record is trusted to follow the one before,
// unless it is number 1.
func Check(r io.Reader, key []byte) (Head, error) {
	c := newChain(key)
	d := jsontext.NewDecoder(r)
	var head Head
	for first := true; d.PeekKind() != 0; first = false {
		var e Entry
		// Strict, so that a reader of the file sees what was verified.
		if err := json.UnmarshalDecode(d, &e, json.RejectUnknownMembers(true)); err != nil {
			return Head{}, fmt.Errorf("audit: check: after record %d: %w", head.Seq, err)
		}
		next, err := e.row()
		if err != nil {
			return Head{}, err
		}
		trusted := first && e.Seq > 1
		if e.Seq != head.Seq+1 && !trusted {
			return Head{}, &BrokenError{Seq: head.Seq + 1, Reason: reasonMissing}
		}
		if e.Hash != c.next(head.Hash, next) && !trusted {
			return Head{}, &BrokenError{Seq: e.Seq, Reason: reasonChanged}
		}
		head = Head{Seq: e.Seq, Hash: e.Hash}
	}
	if _, err := d.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder's own EOF is not wrapped
		return Head{}, fmt.Errorf("audit: check: after record %d: %w", head.Seq, err)
	}
	return head, nil
}
