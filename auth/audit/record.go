package audit

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// ErrRecord is returned for a record whose action or outcome is not one.
var ErrRecord = errors.New("audit: bad record")

// Outcome is how an action ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"      // it was done
	Refused Outcome = "refused" // it was not allowed, or the proof was wrong
	Error   Outcome = "error"   // it was allowed and failed
)

// Actor is who acts: a user, an API key, or nobody known when both are empty.
type Actor struct {
	// ID is what stays when the name changes, in at most 128 bytes.
	ID string `json:"id"`
	// Name is for people who read the log, in at most 256 bytes. For somebody
	// who failed to sign in it is best left empty: what was typed may be a
	// password.
	Name string `json:"name"`
}

// Record is what happened.
type Record struct {
	Actor Actor `json:"actor"`
	// Action is a constant of the program: words of a-z, 0-9 and "_", joined by
	// dots from the general to the special, such as "signin.totp" or
	// "password.changed", in at most 64 bytes. Required.
	Action string `json:"action"`
	// Target is the id of what was acted on, in at most 256 bytes.
	Target string `json:"target"`
	// Outcome is required.
	Outcome Outcome `json:"outcome"`
	// Addr is the client's address. Defaults to middleware.ClientAddr of the
	// context.
	Addr netip.Addr `json:"addr"`
	// UserAgent, in at most 512 bytes, defaults to that of the request, where
	// [Log.Middleware] has seen it.
	UserAgent string `json:"user_agent"`
	// RequestID, in at most 64 bytes, defaults to that of the context's request.
	RequestID string `json:"request_id"`
	// Detail has at most 16 entries, of 64 bytes of name and 1,024 of value.
	Detail map[string]string `json:"detail,omitempty"`
}

// Entry is a record in the log.
type Entry struct {
	Seq int64 `json:"seq"`
	// At is the time of the append, UTC, in microseconds.
	At time.Time `json:"at"`
	Record
	// Hash is of this entry and the one before, in hex.
	Hash string `json:"hash"`
}

// row is one line of the table, as it is hashed.
type row struct {
	Seq                int64
	At                 int64
	ActorID, ActorName string
	Action, Target     string
	Outcome            string
	Addr, UserAgent    string
	RequestID          string
	Detail             string
	Hash               string
}

var actionForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

const (
	maxActorID   = 128
	maxActorName = 256
	maxAction    = 64
	maxTarget    = 256
	maxUserAgent = 512
	maxRequestID = 64
	maxDetails   = 16
	maxName      = 64
	maxValue     = 1024
)

// newRow cleans r. It has no number, time and hash yet.
func newRow(r Record) (row, error) {
	if len(r.Action) > maxAction || !actionForm.MatchString(r.Action) {
		return row{}, fmt.Errorf("%w: action %.80q; use words of a-z, 0-9 and _ joined by dots, 64 bytes at most", ErrRecord, r.Action)
	}
	if r.Outcome != OK && r.Outcome != Refused && r.Outcome != Error {
		return row{}, fmt.Errorf("%w: outcome %.80q of %s; use OK, Refused or Error", ErrRecord, r.Outcome, r.Action)
	}
	out := row{
		ActorID: clean(r.Actor.ID, maxActorID), ActorName: clean(r.Actor.Name, maxActorName),
		Action: r.Action, Target: clean(r.Target, maxTarget), Outcome: string(r.Outcome),
		UserAgent: clean(r.UserAgent, maxUserAgent), RequestID: clean(r.RequestID, maxRequestID),
	}
	if r.Addr.IsValid() {
		out.Addr = r.Addr.Unmap().WithZone("").String()
	}
	var err error
	out.Detail, err = detailText(cleanDetail(r.Detail))
	return out, err
}

// cleanDetail keeps the names that come first in order when there are too many,
// and says how many it has left out.
func cleanDetail(d map[string]string) map[string]string {
	out := map[string]string{}
	names := slices.Sorted(maps.Keys(d))
	if len(names) > maxDetails {
		out["left_out"] = strconv.Itoa(len(names) - maxDetails + 1)
		names = names[:maxDetails-1]
	}
	for _, name := range names {
		out[clean(name, maxName)] = clean(d[name], maxValue)
	}
	return out
}

// detailText is the one text of a set of details, which the hash is made of.
func detailText(d map[string]string) (string, error) {
	if len(d) == 0 {
		return "", nil
	}
	b, err := json.Marshal(d, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("audit: detail: %w", err)
	}
	return string(b), nil
}

// clean returns s in at most most bytes of text that cannot start a line, steer
// a terminal or change the order of what stands beside it. Postgres takes no
// NUL and no invalid UTF-8.
func clean(s string, most int) string {
	const dots = "…"
	var b strings.Builder
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > most {
			short := b.String()
			for len(short)+len(dots) > most {
				_, n := utf8.DecodeLastRuneInString(short)
				short = short[:len(short)-n]
			}
			return short + dots
		}
		b.WriteRune(r)
	}
	return b.String()
}

// entry returns the row for readers. What does not parse was changed by someone,
// which Verify is there to say; a list shows the rest.
func (r row) entry() Entry {
	e := Entry{
		Seq: r.Seq, At: time.UnixMicro(r.At).UTC(), Hash: r.Hash,
		Record: Record{
			Actor: Actor{ID: r.ActorID, Name: r.ActorName}, Action: r.Action, Target: r.Target,
			Outcome: Outcome(r.Outcome), UserAgent: r.UserAgent, RequestID: r.RequestID,
		},
	}
	if a, err := netip.ParseAddr(r.Addr); err == nil {
		e.Addr = a
	}
	if r.Detail != "" && json.Unmarshal([]byte(r.Detail), &e.Detail) != nil {
		e.Detail = nil
	}
	return e
}

// row is the other way, for an entry that was exported.
func (e Entry) row() (row, error) {
	r := row{
		Seq: e.Seq, At: e.At.UnixMicro(), ActorID: e.Actor.ID, ActorName: e.Actor.Name, Action: e.Action,
		Target: e.Target, Outcome: string(e.Outcome), UserAgent: e.UserAgent, RequestID: e.RequestID, Hash: e.Hash,
	}
	if e.Addr.IsValid() {
		r.Addr = e.Addr.String()
	}
	var err error
	r.Detail, err = detailText(e.Detail)
	return r, err
}
