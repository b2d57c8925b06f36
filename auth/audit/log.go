package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

// Options configure a [Log].
type Options struct {
	// DB has the tables of [SchemaSQLite] or [SchemaPostgres]. Required.
	DB *db.DB
	// Key makes the hashes such that who has the database only cannot compute
	// them: 32 random bytes or more, kept for the life of the log. Optional.
	Key []byte
	// Timeout bounds an append of its own, which goes on when the client has
	// left. Defaults to 5 s.
	Timeout time.Duration
	// Logger takes a line for each record. Defaults to the logger of the
	// context, see [obs.Logger].
	Logger *slog.Logger
	// Metrics takes the gale_audit_* metrics. Optional.
	Metrics prometheus.Registerer
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
	// VerifyEvery is how often [Log.Run] verifies the log, by Clock. Defaults to
	// 24 h.
	VerifyEvery time.Duration
	// VerifyLook is how long Run waits before it verifies first, and how often it
	// then looks whether it is time again. Defaults to 1 min.
	VerifyLook time.Duration
}

// Log is an audit log. It is safe for concurrent use.
type Log struct {
	o       Options
	chain   chain
	metrics metrics
	checked atomic.Pointer[Checked]
}

// New returns a log. It panics when an option is missing or makes no sense.
func New(o Options) *Log {
	if o.DB == nil {
		panic("audit: New without Options.DB; open one with db.Open")
	}
	if o.Timeout < 0 {
		panic("audit: Options.Timeout is negative; leave it 0 for the default of 5 s")
	}
	if o.VerifyEvery < 0 || o.VerifyLook < 0 {
		panic("audit: Options.VerifyEvery or VerifyLook is negative; leave them 0 for their defaults")
	}
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.VerifyEvery, o.VerifyLook = cmp.Or(o.VerifyEvery, 24*time.Hour), cmp.Or(o.VerifyLook, time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	l := &Log{o: o, chain: newChain(o.Key)}
	l.metrics.register(o.Metrics)
	return l
}

// Append adds a record in a transaction of its own. It does not end with ctx:
// else an attacker could hang up before his failure is written down. A caller
// that gets an error had better refuse what it was about to do.
func (l *Log) Append(ctx context.Context, r Record) (Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.Timeout)
	defer cancel()
	var e Entry
	err := l.o.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		e, err = l.append(ctx, tx, r)
		return err
	})
	if err != nil {
		l.metrics.failed.Inc()
		return Entry{}, fmt.Errorf("audit: append: %w", err)
	}
	l.announce(ctx, e)
	return e, nil
}

// AppendTx adds a record in the caller's transaction, so that it is stored
// exactly when the change is. All other appends wait until the transaction ends,
// so let it be the last statement. The line of the log is written at once: when
// the transaction is then rolled back, it tells of what was not done, and its
// number is given again.
func (l *Log) AppendTx(ctx context.Context, tx *db.Tx, r Record) (Entry, error) {
	e, err := l.append(ctx, tx, r)
	if err != nil {
		l.metrics.failed.Inc()
		return Entry{}, fmt.Errorf("audit: append: %w", err)
	}
	l.announce(ctx, e)
	return e, nil
}

// With returns a context whose next change of the database is stored with the
// records, and they with it, or neither: for changes that other packages make in
// transactions of their own. Where nothing is changed nothing is recorded, and a
// record that cannot be added undoes the change. What [db.Also] says of its
// context holds; the lines of the log are written after the commit.
func (l *Log) With(ctx context.Context, records ...Record) context.Context {
	var made []Entry
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		made = made[:0]
		for _, r := range records {
			e, err := l.append(ctx, tx, r)
			if err != nil {
				l.metrics.failed.Inc()
				return fmt.Errorf("audit: append: %w", err)
			}
			made = append(made, e)
		}
		return nil
	}, func() {
		for _, e := range made {
			l.announce(ctx, e)
		}
	})
}

func (l *Log) append(ctx context.Context, tx *db.Tx, r Record) (Entry, error) {
	next, err := newRow(fill(ctx, r))
	if err != nil {
		return Entry{}, err
	}
	// An update and not a SELECT FOR UPDATE, which SQLite does not have: it locks
	// the row and sees what was committed last.
	s, err := db.Get[state](ctx, tx, `
		UPDATE audit_state SET seq = seq WHERE id = 1 RETURNING seq, hash, cut_seq, cut_hash, mac`)
	if errors.Is(err, db.ErrNotFound) {
		return Entry{}, errors.New("audit_state has no row; apply the schema")
	}
	if err != nil {
		return Entry{}, err
	}
	prev := s.Hash
	if !l.chain.genuine(s) {
		if s, prev, err = l.afterBreak(ctx, tx, s); err != nil {
			return Entry{}, err
		}
		l.logger(ctx).ErrorContext(ctx, "audit: the row of audit_state was changed by someone else; the chain is broken from here on", "seq", s.Seq+1)
	}
	next.Seq, next.At = s.Seq+1, l.o.Clock().UnixMicro()
	next.Hash = l.chain.next(prev, next)
	_, err = tx.Exec(ctx, `
		INSERT INTO audit_log (seq, at, actor_id, actor_name, action, target, outcome, addr, user_agent, request_id, detail, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		next.Seq, next.At, next.ActorID, next.ActorName, next.Action, next.Target, next.Outcome,
		next.Addr, next.UserAgent, next.RequestID, next.Detail, next.Hash)
	if err != nil {
		return Entry{}, err
	}
	s.Seq, s.Hash = next.Seq, next.Hash
	if err := l.setState(ctx, tx, s); err != nil {
		return Entry{}, err
	}
	return next.entry(), nil
}

// afterBreak returns where to go on when the state was changed. Nothing of it is
// believed: its number may be one that is taken or has none after it, and its cut
// may hide what was erased. The hash before is one that nobody can know, so that
// no state, set before or afterwards, makes the next record follow.
func (l *Log) afterBreak(ctx context.Context, tx *db.Tx, s state) (state, string, error) {
	last, err := db.Get[int64](ctx, tx, `SELECT coalesce(max(seq), 0) FROM audit_log`)
	if err != nil {
		return s, "", err
	}
	s.Seq, s.CutSeq = last, min(max(s.CutSeq, 0), last)
	var unknown [sha256.Size]byte
	rand.Read(unknown[:]) // never fails
	return s, hex.EncodeToString(unknown[:]), nil
}

func (l *Log) setState(ctx context.Context, tx *db.Tx, s state) error {
	_, err := tx.Exec(ctx, `UPDATE audit_state SET seq = $1, hash = $2, cut_seq = $3, cut_hash = $4, mac = $5 WHERE id = 1`,
		s.Seq, s.Hash, s.CutSeq, s.CutHash, l.chain.mac(s))
	return err
}

// state reads the row of audit_state. One that was changed is a BrokenError.
func (l *Log) state(ctx context.Context, q db.Querier) (state, error) {
	s, err := db.Get[state](ctx, q, `SELECT seq, hash, cut_seq, cut_hash, mac FROM audit_state WHERE id = 1`)
	if errors.Is(err, db.ErrNotFound) {
		return s, &BrokenError{Seq: 1, Reason: "audit_state has no row"}
	}
	if err == nil && !l.chain.genuine(s) {
		return s, &BrokenError{Seq: s.Seq, Reason: reasonHead}
	}
	return s, err
}

// Head returns the end of the log, to be kept elsewhere for [Log.VerifyHead].
func (l *Log) Head(ctx context.Context) (Head, error) {
	s, err := l.state(ctx, l.o.DB)
	if err != nil {
		return Head{}, fmt.Errorf("audit: head: %w", err)
	}
	return Head{Seq: s.Seq, Hash: s.Hash}, nil
}

var userAgentKey = ctxkey.New[string]("audit user agent")

// Middleware keeps the user agent of each request for the records that are made
// while it is served. Address and request id are in the context already, of
// middleware.ClientIP and middleware.RequestID.
func (l *Log) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(userAgentKey.With(r.Context(), r.UserAgent())))
	})
}

// fill takes from the context what the caller has left empty.
func fill(ctx context.Context, r Record) Record {
	if !r.Addr.IsValid() {
		r.Addr = middleware.ClientAddr(ctx)
	}
	if r.UserAgent == "" {
		r.UserAgent, _ = userAgentKey.Value(ctx)
	}
	if r.RequestID == "" {
		r.RequestID = obs.RequestFrom(ctx).ID()
	}
	return r
}
