package apikey_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

var _ auth.Authenticator[string] = (*apikey.Authenticator[string])(nil)

// vault is an application's table of keys; it counts what is asked of it.
type vault struct {
	records map[string]apikey.Record
	err     error
	finds   int
	used    []string
	now     time.Time
}

func (v *vault) find(_ context.Context, id string) (apikey.Record, string, error) {
	v.finds++
	r, ok := v.records[id]
	if v.err == nil && !ok {
		return apikey.Record{}, "", apikey.ErrNotFound
	}
	return r, "owner of " + id, v.err
}

func setup(t *testing.T) (*vault, *apikey.Authenticator[string], apikey.Key) {
	k := newKey(t)
	v := &vault{records: map[string]apikey.Record{k.ID: {Hash: k.Hash}}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	a := apikey.NewAuthenticator(apikey.Options[string]{
		Prefix: "relay", Find: v.find, Clock: func() time.Time { return v.now },
		Used: func(_ context.Context, id string) error {
			v.used = append(v.used, id)
			return errors.New("read-only") // must not refuse the request
		},
	})
	return v, a, k
}

// try sends header name, value, name, value … and returns the code of the
// refusal.
func try(t *testing.T, a *apikey.Authenticator[string], target string, header ...string) (owner string, ok bool, code string) {
	t.Helper()
	ctx := obs.WithLogger(t.Context(), slog.New(slog.DiscardHandler))
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	owner, ok, err := a.Authenticate(ctx, r)
	if err != nil {
		e, isWeb := errors.AsType[*web.Error](err)
		if !isWeb {
			return owner, ok, err.Error()
		}
		assert.Equal(t, e.Status, http.StatusUnauthorized)
		assert.Equal(t, e.Header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`)
		code = e.Code
	}
	return owner, ok, code
}

func TestAKeyIsAccepted(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	for _, header := range [][]string{
		{"Authorization", "Bearer " + k.Plain},
		{"Authorization", "bearer  " + k.Plain},
		{"X-API-Key", k.Plain},
		{"X-API-Key", k.Plain, "Authorization", "Basic cHJveHk6cHJveHk="},
	} {
		owner, ok, code := try(t, a, "/", header...)
		assert.True(t, ok, header[1]+code)
		assert.Equal(t, owner, "owner of "+k.ID)
	}
	assert.Equal(t, v.used, []string{k.ID, k.ID, k.ID, k.ID})
}

func TestWhatIsNoKeyIsLeftToOthers(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	for _, header := range [][]string{
		nil,
		{"Authorization", "Bearer eyJhbGciOi.x.y"},
		{"Authorization", "Basic " + k.Plain},
		{"Authorization", k.Plain},
		{"Cookie", "key=" + k.Plain},
	} {
		_, ok, code := try(t, a, "/", header...)
		assert.True(t, !ok && code == "", code)
	}
	// In a URL it would end in logs and in Referer.
	_, ok, code := try(t, a, "/?api_key="+k.Plain+"&access_token="+k.Plain)
	assert.True(t, !ok && code == "", code)
	assert.Equal(t, v.finds, 0)
}

func TestMalformedKeysCostNoLookUp(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	last := byte('0')
	if k.Plain[len(k.Plain)-1] == last {
		last = '1'
	}
	for _, bad := range []string{
		k.Plain[:len(k.Plain)-1],                // truncated
		k.Plain[:len(k.Plain)-1] + string(last), // another checksum
		"relay_", "relay_' OR 1=1 --", k.Plain + k.Plain,
	} {
		_, ok, code := try(t, a, "/", "Authorization", "Bearer "+bad)
		assert.True(t, !ok, bad)
		assert.Equal(t, code, "invalid_key")
	}
	for _, bad := range []string{"", "key", "Bearer " + k.Plain} {
		_, ok, code := try(t, a, "/", "X-API-Key", bad)
		assert.True(t, !ok, bad)
		assert.Equal(t, code, "invalid_key")
	}
	assert.Equal(t, v.finds, 0)
}

func TestTwoCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	other := newKey(t)
	for _, header := range [][]string{
		{"Authorization", "Bearer " + k.Plain, "X-API-Key", other.Plain},
		{"Authorization", "Bearer " + k.Plain, "X-API-Key", k.Plain},
		{"Authorization", "Bearer " + k.Plain, "Authorization", "Bearer " + other.Plain},
		{"Authorization", "Basic cHJveHk6cHJveHk=", "Authorization", "Bearer " + k.Plain},
		{"X-API-Key", k.Plain, "X-API-Key", other.Plain},
	} {
		_, ok, code := try(t, a, "/", header...)
		assert.True(t, !ok, "two credentials were accepted")
		assert.Equal(t, code, "invalid_key")
	}
	assert.Equal(t, v.finds, 0)
}

func TestWrongRevokedAndExpiredKeys(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	unknown := newKey(t)
	_, ok, code := try(t, a, "/", "X-API-Key", unknown.Plain)
	assert.True(t, !ok && code == "invalid_key", code)

	// The id of one key with the secret of another: what a stolen list of ids
	// allows to try.
	v.records[unknown.ID] = apikey.Record{Hash: k.Hash, Revoked: true}
	_, ok, code = try(t, a, "/", "X-API-Key", unknown.Plain)
	assert.True(t, !ok && code == "invalid_key", code) // not told that it is revoked

	for _, hash := range [][]byte{nil, {}, k.Hash[:31]} {
		v.records[k.ID] = apikey.Record{Hash: hash}
		_, ok, code = try(t, a, "/", "X-API-Key", k.Plain)
		assert.True(t, !ok && code == "invalid_key", code)
	}

	v.records[k.ID] = apikey.Record{Hash: k.Hash, Revoked: true}
	_, ok, code = try(t, a, "/", "X-API-Key", k.Plain)
	assert.True(t, !ok && code == "revoked_key", code)

	v.records[k.ID] = apikey.Record{Hash: k.Hash, Expires: v.now.Add(1)}
	_, ok, code = try(t, a, "/", "X-API-Key", k.Plain)
	assert.True(t, ok, code)
	v.now = v.now.Add(1)
	_, ok, code = try(t, a, "/", "X-API-Key", k.Plain)
	assert.True(t, !ok && code == "expired_key", code)
	assert.Equal(t, v.used, []string{k.ID})
}

func TestADatabaseThatIsDownIsNot401(t *testing.T) {
	t.Parallel()
	v, a, k := setup(t)
	v.err = errors.New("connection refused")
	_, ok, code := try(t, a, "/", "X-API-Key", k.Plain)
	assert.True(t, !ok, "accepted")
	assert.Equal(t, code, "apikey: find "+k.ID+": connection refused")
}

// The attack: a key's limit is had once more for each way to write its header.
func TestEverySpellingOfAKeyHasOneLimit(t *testing.T) {
	t.Parallel()
	_, a, k := setup(t)
	limits := map[string]bool{}
	for _, header := range [][2]string{
		{"X-Api-Key", k.Plain},
		{"Authorization", "Bearer " + k.Plain},
		{"Authorization", "bEARER " + k.Plain},
		{"Authorization", "Bearer        " + k.Plain},
		{"Authorization", "Bearer \t" + k.Plain + " "},
		{"Authorization", "Bearer \u00a0" + k.Plain + "\u2003"},
	} {
		_, ok, code := try(t, a, "/", header[:]...)
		assert.True(t, ok, header[1]+": "+code)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(header[0], header[1])
		limits[ratelimit.ByAPIKey(r)] = true
	}
	assert.Equal(t, len(limits), 1)
}
