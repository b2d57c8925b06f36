package audit

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/galeweb/gale/db"
)

// batch is how many rows are read at once: a transaction that reads all would
// hold back the clean-up of either database.
const batch = 500

const columns = `seq, at, actor_id, actor_name, action, target, outcome, addr, user_agent, request_id, detail, hash`

// ErrRetained is returned by [Log.VerifyHead] for a head that is older than what
// retention has left.
var ErrRetained = errors.New("audit: retention has removed the records up to that head")

// Verify reads the records from one number to another and returns a
// [*BrokenError] that names the first that is missing or wrong. From 0 it begins
// with the oldest, and to 0 it ends with the newest and then looks at the head
// too. Beginning later it trusts the hash of the record before. Appends and
// retention may go on meanwhile. A hundred thousand records take
// about a second.
func (l *Log) Verify(ctx context.Context, from, to int64) error {
	_, err := l.verify(ctx, from, to)
	return err
}

// verify also returns the last record that it has verified.
func (l *Log) verify(ctx context.Context, from, to int64) (Head, error) {
	v := verifier{log: l, from: from, to: to, seq: from - 1}
	for !v.done {
		err := l.o.DB.ReadTx(ctx, v.batch)
		if b, ok := errors.AsType[*BrokenError](err); ok {
			return Head{}, b
		}
		if err != nil {
			return Head{}, fmt.Errorf("audit: verify: %w", err)
		}
	}
	return Head{Seq: v.seq, Hash: v.hash}, nil
}

// verifier is how far a verification has come.
type verifier struct {
	log      *Log
	from, to int64
	seq      int64  // of the last record that was verified
	hash     string // of it
	begun    bool
	done     bool
}

func (v *verifier) batch(ctx context.Context, tx *db.Tx) error {
	s, err := v.log.state(ctx, tx)
	if err != nil {
		return err
	}
	if err := v.begin(ctx, tx, s); err != nil {
		return err
	}
	last := s.Seq
	if v.to > 0 {
		last = v.to
	}
	// Without an upper bound, to find what stands behind the head.
	rows, err := db.All[row](ctx, tx, `SELECT `+columns+` FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`, v.seq, batch)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if v.seq >= last {
			break
		}
		if r.Seq != v.seq+1 {
			return &BrokenError{Seq: v.seq + 1, Reason: reasonMissing}
		}
		if !hmac.Equal([]byte(r.Hash), []byte(v.log.chain.next(v.hash, r))) {
			return &BrokenError{Seq: r.Seq, Reason: reasonChanged}
		}
		v.seq, v.hash = r.Seq, r.Hash
	}
	if v.seq < last {
		if len(rows) < batch {
			return &BrokenError{Seq: v.seq + 1, Reason: reasonMissing}
		}
		return nil
	}
	v.done = true
	if v.to > 0 {
		return nil
	}
	return v.end(ctx, tx, s)
}

// begin finds the hash before the first record, and follows retention that has
// overtaken.
func (v *verifier) begin(ctx context.Context, tx *db.Tx, s state) error {
	switch {
	case v.seq <= s.CutSeq:
		v.seq, v.hash = s.CutSeq, s.CutHash
	case !v.begun:
		var err error
		v.hash, err = db.Get[string](ctx, tx, `SELECT hash FROM audit_log WHERE seq = $1`, v.seq)
		if errors.Is(err, db.ErrNotFound) {
			return &BrokenError{Seq: v.seq, Reason: reasonMissing}
		}
		if err != nil {
			return err
		}
	}
	v.begun = true
	return nil
}

// end compares what was read with the state.
func (v *verifier) end(ctx context.Context, tx *db.Tx, s state) error {
	if v.hash != s.Hash || v.seq > s.Seq {
		return &BrokenError{Seq: s.Seq, Reason: reasonHead}
	}
	stray, err := db.All[int64](ctx, tx, `SELECT seq FROM audit_log WHERE seq > $1 OR seq <= $2 ORDER BY seq LIMIT 1`, s.Seq, s.CutSeq)
	if err != nil {
		return err
	}
	if len(stray) > 0 {
		return &BrokenError{Seq: stray[0], Reason: "it is not of the chain"}
	}
	return nil
}

// VerifyHead verifies all records, and that the one of a head that was kept is
// still among them: what was cut off the end, or computed anew, shows. The error
// is [ErrRetained] when retention has gone past the head.
func (l *Log) VerifyHead(ctx context.Context, h Head) error {
	if err := l.Verify(ctx, 0, 0); err != nil {
		return err
	}
	return l.has(ctx, h)
}

// has reports, as VerifyHead does, whether the record of a head is still there,
// in a log that was verified.
func (l *Log) has(ctx context.Context, h Head) error {
	err := l.o.DB.ReadTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		s, err := l.state(ctx, tx)
		if err != nil {
			return err
		}
		if h.Seq > s.Seq {
			return &BrokenError{Seq: s.Seq + 1, Reason: fmt.Sprintf("it is missing, and so is all up to the head of %d that was kept", h.Seq)}
		}
		if h.Seq < s.CutSeq {
			return ErrRetained
		}
		have := s.CutHash // and "" for the head of an empty log
		if h.Seq > s.CutSeq {
			if have, err = db.Get[string](ctx, tx, `SELECT hash FROM audit_log WHERE seq = $1`, h.Seq); err != nil {
				return err
			}
		}
		if !hmac.Equal([]byte(have), []byte(h.Hash)) {
			return &BrokenError{Seq: h.Seq, Reason: "it is not the one of the head that was kept"}
		}
		return nil
	})
	if err == nil || errors.Is(err, ErrRetained) {
		return err
	}
	if b, ok := errors.AsType[*BrokenError](err); ok {
		return b
	}
	return fmt.Errorf("audit: verify head: %w", err)
}
