package galememcached_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/drivers/galememcached"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

// server returns the address of a memcached: the one that is named, or one of
// the test's own where the program is installed, or one on this machine.
func server(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("memcached")
	if os.Getenv("GALE_TEST_MEMCACHED") != "" || err != nil {
		u, err := url.Parse(galetest.Require(t, "memcached"))
		assert.NoError(t, err)
		return u.Host
	}
	return start(t, program)
}

// start runs a memcached on a Unix socket: a free port could be taken by
// another before it is listened on.
func start(t testing.TB, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gale") // t.TempDir may be too long for a socket
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	socket := dir + "/m"
	cmd := exec.Command(program, "-u", "root", "-s", socket, "-m", "64", "-t", "1")
	assert.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // says that it was killed
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			assert.NoError(t, conn.Close())
			return socket
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", program, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// client returns a client, and options with a prefix of the test's own.
func client(t testing.TB) (*memcache.Client, galememcached.Options) {
	t.Helper()
	c := memcache.New(server(t))
	c.Timeout, c.MaxIdleConns = 10*time.Second, 16
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c, galememcached.Options{Prefix: "galetest:" + rand.Text()[:12] + ":"}
}

func TestSessionStore(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(t *testing.T) session.Store { return galememcached.NewSessions(client(t)) })
}

func TestCacheStore(t *testing.T) {
	t.Parallel()
	conform.CacheStore(t, func(t *testing.T) cache.Store { return galememcached.NewCache(client(t)) })
}

func record(n byte, user string) session.Record {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return session.Record{Hash: session.Hash{n, 1}, ID: string('a' + rune(n)), User: user, Created: now, Seen: now, Expires: now.Add(time.Hour)}
}

// A list that was evicted must not leave sessions that nobody can revoke.
func TestASessionThatIsNotListedDoesNotOpen(t *testing.T) {
	t.Parallel()
	c, o := client(t)
	s := galememcached.NewSessions(c, o)
	a, b := record(1, "alice"), record(2, "")
	assert.NoError(t, s.Save(t.Context(), a.Hash, a))
	assert.NoError(t, s.Save(t.Context(), b.Hash, b))
	_, err := s.Load(t.Context(), a.Hash)
	assert.NoError(t, err)
	evict(t, c, o, "alice")
	_, err = s.Load(t.Context(), a.Hash)
	assert.ErrorIs(t, err, session.ErrNotFound)
	_, err = s.Load(t.Context(), b.Hash) // nobody's
	assert.NoError(t, err)
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)
}

// evict does what a server does that needs the memory of a user's list.
func evict(t *testing.T, c *memcache.Client, o galememcached.Options, user string) {
	t.Helper()
	sum := sha256.Sum256([]byte(user))
	assert.NoError(t, c.Delete(o.Prefix+"u:"+base64.RawURLEncoding.EncodeToString(sum[:])))
}

func TestAListKeepsTheSessionsThatExpireLast(t *testing.T) {
	t.Parallel()
	s := galememcached.NewSessions(client(t))
	first, last := record(1, "alice"), record(2, "alice")
	first.Expires, last.Expires = first.Expires.Add(-time.Minute), last.Expires.Add(time.Minute)
	assert.NoError(t, s.Save(t.Context(), first.Hash, first))
	assert.NoError(t, s.Save(t.Context(), last.Hash, last))
	for i := range 999 {
		r := record(3, "alice")
		r.Hash[2], r.Hash[3] = byte(i), byte(i>>8)
		assert.NoError(t, s.Save(t.Context(), r.Hash, r))
	}
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 1000)
	_, err = s.Load(t.Context(), first.Hash)
	assert.ErrorIs(t, err, session.ErrNotFound)
	_, err = s.Load(t.Context(), last.Hash)
	assert.NoError(t, err)
}

func TestKeysOfACacheDoNotMeet(t *testing.T) {
	t.Parallel()
	c := galememcached.NewCache(client(t))
	keys := []string{"", " ", "a", "a b", "a\nb", "=", "#", "=a", "#a", "ключ", string(make([]byte, 300))}
	for _, key := range keys {
		assert.NoError(t, c.Set(t.Context(), key, []byte(key), time.Hour))
	}
	for _, key := range keys {
		v, err := c.Get(t.Context(), key)
		assert.NoError(t, err)
		assert.Equal(t, string(v), key)
	}
	assert.NoError(t, c.Set(t.Context(), "far", nil, 200*365*24*time.Hour))
	_, err := c.Get(t.Context(), "far")
	assert.NoError(t, err)
	assert.True(t, c.Set(t.Context(), "large", make([]byte, 2<<20), time.Hour) != nil, "a value that was not stored is no error")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	nowhere := memcache.New(t.TempDir() + "/none")
	s, c := galememcached.NewSessions(nowhere, galememcached.Options{}), galememcached.NewCache(nowhere, galememcached.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), ctx} {
		_, load := s.Load(ctx, session.Hash{})
		_, byUser := s.ByUser(ctx, "alice")
		_, get := c.Get(ctx, "k")
		for _, err := range []error{load, byUser, s.Save(ctx, session.Hash{}, session.Record{}), s.Delete(ctx, session.Hash{}), get, c.Set(ctx, "k", nil, time.Hour), c.Delete(ctx, "k")} {
			assert.True(t, err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, cache.ErrNotFound), "a server that is away looks like an empty one")
			assert.Equal(t, errors.Is(err, context.Canceled), ctx.Err() != nil)
		}
	}
	assert.Contains(t, assert.Panics(t, func() { galememcached.NewCache(nil, galememcached.Options{}) }).(string), "memcache.New")
	assert.Contains(t, assert.Panics(t, func() { galememcached.NewSessions(nowhere, galememcached.Options{Prefix: "a b"}) }).(string), "Prefix")
}
