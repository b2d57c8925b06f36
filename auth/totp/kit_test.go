package totp_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base32"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

func TestMain(m *testing.M) { galetest.Main(m) }

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// memory is a store for these tests; it passes the suite.
type memory struct {
	mu      sync.Mutex
	records []totp.Record
	err     error
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	conform.TOTPStore(t, func(*testing.T) totp.Store { return &memory{} })
}

func (m *memory) Add(_ context.Context, r totp.Record, max int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, old := range m.records {
		if old.User == r.User && old.Confirmed {
			n++
		}
	}
	if n >= max {
		return totp.ErrTooMany
	}
	m.records = slices.DeleteFunc(m.records, func(old totp.Record) bool { return old.User == r.User && !old.Confirmed })
	m.records = append(m.records, r)
	return m.err
}

func (m *memory) ByUser(_ context.Context, user string) ([]totp.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []totp.Record
	for _, r := range m.records {
		if r.User == user {
			r.Sealed = bytes.Clone(r.Sealed)
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b totp.Record) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return out, m.err
}

func (m *memory) Confirm(_ context.Context, user, id string, step int64, at time.Time) (bool, error) {
	return m.update(user, id, step, at, func(r totp.Record) bool { return !r.Confirmed })
}

func (m *memory) Advance(_ context.Context, user, id string, step int64, at time.Time) (bool, error) {
	return m.update(user, id, step, at, func(r totp.Record) bool { return r.Confirmed && r.LastStep < step })
}

func (m *memory) update(user, id string, step int64, at time.Time, may func(totp.Record) bool) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range m.records {
		if r.User == user && r.ID == id && may(r) {
			m.records[i].Confirmed, m.records[i].LastStep, m.records[i].LastUsed = true, step, at
			return true, m.err
		}
	}
	return false, m.err
}

func (m *memory) Delete(_ context.Context, user, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.records)
	m.records = slices.DeleteFunc(m.records, func(r totp.Record) bool { return r.User == user && r.ID == id })
	return len(m.records) < n, m.err
}

// sealer is the AEAD of a keyring, with a key of its own.
func sealer() totp.Sealer {
	ring, err := keyring.Open(context.Background(), keyring.Options{
		Source: keyring.Text(keyring.NewSet(start.Add(-time.Hour)).Text()),
		Clock:  func() time.Time { return start },
	})
	if err != nil {
		panic(err)
	}
	return ring.AEAD("totp_authenticators.secret")
}

type kit struct {
	*testing.T
	clock *galetest.Clock
	store *memory
	totp  *totp.TOTP
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, clock: galetest.NewClock(t, start), store: &memory{}}
	k.totp = totp.New(totp.Options{Issuer: "Relay", Store: k.store, Sealer: sealer(), Clock: k.clock.Now})
	return k
}

func (k *kit) enroll(user, name string) totp.Enrollment {
	k.Helper()
	e, err := k.totp.Enroll(k.Context(), user, user+"@example.com", name)
	assert.NoError(k, err)
	return e
}

// enrolled has a confirmed authenticator, some time after its first code.
func (k *kit) enrolled(user, name string) totp.Enrollment {
	k.Helper()
	e := k.enroll(user, name)
	ok, err := k.totp.Confirm(k.Context(), user, e.ID, k.code(e, 0))
	assert.NoError(k, err)
	assert.True(k, ok, "the first code is refused")
	k.clock.Advance(10 * time.Minute)
	return e
}

// code is what the app shows some steps from now.
func (k *kit) code(e totp.Enrollment, steps int64) string {
	k.Helper()
	code, err := hotp.GenerateCode(e.Secret, uint64(k.clock.Now().Unix()/30+steps))
	assert.NoError(k, err)
	return code
}

func (k *kit) verify(user, code string) bool {
	k.Helper()
	ok, err := k.totp.Verify(k.Context(), user, code)
	assert.NoError(k, err)
	return ok
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*web.Error](err); ok {
		return e.Status
	}
	return 0
}

func isRefused(err error, code string) bool {
	e, ok := errors.AsType[*web.Error](err)
	return ok && e.Status == http.StatusUnprocessableEntity && e.Code == code
}

func decode(t *testing.T, secret string) []byte {
	t.Helper()
	b, err := base32.StdEncoding.DecodeString(secret)
	assert.NoError(t, err)
	return b
}
