package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func TestOpenFailsWithoutKeys(t *testing.T) {
	t.Parallel()
	away := &store{}
	away.fail()
	for name, o := range map[string]keyring.Options{
		"away":    {Source: away},
		"garbage": {Source: &store{text: []byte("x")}},
		"missing": {
			Source:  keyring.Text(keyring.NewSet(start, keyring.Signing).Text()),
			Require: []keyring.Purpose{keyring.Signing, keyring.Encryption},
		},
	} {
		_, err := keyring.Open(t.Context(), o)
		assert.True(t, err != nil, name+" was opened")
	}
}

// A broken source must not sign everybody out, nor fill the log.
func TestAFailedReloadKeepsTheKeys(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	src := &store{}
	set := keyring.NewSet(start)
	src.put(set.Text().Reveal())
	registry := prometheus.NewPedanticRegistry()
	keys := open(t, keyring.Options{
		Source: src, Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: registry,
		Clock: func() time.Time { return start.Add(time.Minute) },
	})
	s := keys.Signer("cookie", time.Hour)
	signed := sign(t, s, "ann")
	failing := func() float64 {
		families, err := registry.Gather()
		assert.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "gale_keyring_reload_failing" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no such metric")
		return 0
	}
	assert.Equal(t, failing(), 0.0)

	line := set.Text().Reveal()
	for _, broken := range []string{"", "x", line[:len(line)-1], keyring.NewSet(start, keyring.Signing).Text().Reveal()} {
		src.put(broken)
		assert.True(t, keys.Reload(t.Context()) != nil, "a broken set was taken")
	}
	src.fail()
	assert.True(t, keys.Reload(t.Context()) != nil, "no error")
	assert.Equal(t, strings.Count(log.String(), "level=ERROR"), 1)
	assert.Equal(t, failing(), 1.0)
	_, err := s.Verify(signed)
	assert.NoError(t, err)

	set, next := set.Rotate(keyring.Signing, start)
	src.put(set.Text().Reveal())
	assert.NoError(t, keys.Reload(t.Context()))
	assert.Contains(t, log.String(), "reload works again")
	assert.Contains(t, log.String(), next.ID)
	assert.Equal(t, failing(), 0.0)
	src.fail()
	assert.True(t, keys.Reload(t.Context()) != nil, "no error")
	assert.Equal(t, strings.Count(log.String(), "level=ERROR"), 2)
	for _, k := range strings.Split(line, ",") {
		assert.True(t, !strings.Contains(log.String(), k[len(k)-43:]), "the log has a key")
	}
}

// A load that a shutdown ends says nothing about the source.
func TestAReloadThatIsCancelledIsNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	text := keyring.NewSet(start).Text()
	keys := open(t, keyring.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Source: keyring.SourceFunc(func(ctx context.Context) ([]byte, string, error) {
			return []byte(text.Reveal()), "", ctx.Err()
		}),
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, keys.Reload(ctx), context.Canceled)
	assert.Equal(t, log.String(), "")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	set := keyring.NewSet(start, keyring.Signing)
	now := start.Add(90 * time.Second)
	keys := open(t, keyring.Options{
		Source: keyring.Text(set.Text()), Metrics: registry, Clock: func() time.Time { return now },
	})
	_, err := keys.Signer("x", time.Hour).Verify(sign(t, setup(t).Signer("x", time.Hour), "x"))
	assert.ErrorIs(t, err, keyring.ErrUnknownKey)
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP gale_keyring_key_age_seconds Time since the key that makes new values began to.
# TYPE gale_keyring_key_age_seconds gauge
gale_keyring_key_age_seconds{purpose="sign"} 90
# HELP gale_keyring_reload_failing 1 while the keys cannot be loaded again and the old ones stay.
# TYPE gale_keyring_reload_failing gauge
gale_keyring_reload_failing 0
# HELP gale_keyring_unknown_keys_total Values whose key the ring does not have.
# TYPE gale_keyring_unknown_keys_total counter
gale_keyring_unknown_keys_total 1
`)))
	_, err = keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(set.Text()), Metrics: registry})
	assert.True(t, err != nil, "two rings in one registry")
}

func TestRunPicksUpNewKeysAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &store{}
		set := keyring.NewSet(time.Now())
		src.put(set.Text().Reveal())
		keys := open(t, keyring.Options{Source: src})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- keys.Run(ctx) }()

		set, next := set.Rotate(keyring.Signing, time.Now())
		src.put(set.Text().Reveal())
		time.Sleep(time.Minute - time.Nanosecond)
		_, ok := keys.Set().Find(next.ID)
		assert.Equal(t, ok, false)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		_, ok = keys.Set().Find(next.ID)
		assert.Equal(t, ok, true)

		src.fail()
		time.Sleep(10 * time.Minute)
		_, ok = keys.Set().Find(next.ID)
		assert.Equal(t, ok, true)
		cancel()
		assert.NoError(t, <-done)
	})
}

// A source that hangs holds up neither the readers nor a second reload.
func TestAHangingSourceIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := keyring.NewSet(time.Now()).Text()
		hang := false
		keys := open(t, keyring.Options{Timeout: time.Second, Source: keyring.SourceFunc(
			func(ctx context.Context) ([]byte, string, error) {
				if hang {
					<-ctx.Done()
					return nil, "", ctx.Err()
				}
				return []byte(text.Reveal()), "", nil
			})})
		hang = true
		began := time.Now()
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { assert.ErrorIs(t, keys.Reload(t.Context()), context.DeadlineExceeded) })
		}
		wait.Wait()
		assert.Equal(t, time.Since(began), time.Second)
		_, err := keys.Signer("x", time.Hour).Sign(nil)
		assert.NoError(t, err)
	})
}

func TestAnUnchangedVersionIsNotReadAgain(t *testing.T) {
	t.Parallel()
	text, version := keyring.NewSet(start).Text().Reveal(), "1"
	keys := open(t, keyring.Options{Source: keyring.SourceFunc(func(context.Context) ([]byte, string, error) {
		return []byte(text), version, nil
	})})
	first := keys.Set()
	text = keyring.NewSet(start).Text().Reveal()
	assert.NoError(t, keys.Reload(t.Context()))
	assert.Equal(t, keys.Set().Text().Reveal(), first.Text().Reveal())
	version = "2"
	assert.NoError(t, keys.Reload(t.Context()))
	assert.Equal(t, keys.Set().Text().Reveal(), text)
}

func TestReadersAndReloadsDoNotMeet(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	s, a, x := keys.Signer("cookie", time.Hour), keys.AEAD("phone"), keys.BlindIndex("phone", keyring.IndexOptions{})
	signed := sign(t, s, "ann")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 200 {
				_, err := s.Verify(signed)
				sealed, err2 := a.Seal([]byte("x"), nil)
				_, err3 := a.Open(sealed, nil)
				_, err4 := x.Sums("x")
				if err := errors.Join(err, err2, err3, err4); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		keys.rotate(keyring.Signing)
		keys.rotate(keyring.Encryption)
		keys.rotate(keyring.Indexing)
	}
	wait.Wait()
}

type counts map[string]int64

func (c counts) CountKeys(context.Context) (map[string]int64, error) {
	if c == nil {
		return nil, errors.New("the store is away")
	}
	return c, nil
}

func TestStatusesCountWhatIsUnderEachKey(t *testing.T) {
	t.Parallel()
	s := keyring.NewSet(start, keyring.Encryption)
	old := s.Keys()[0]
	s, now := s.Rotate(keyring.Encryption, start.Add(time.Minute))
	s, next := s.Rotate(keyring.Encryption, start.Add(time.Hour))
	s, gone := s.Rotate(keyring.Encryption, start)
	s, err := s.Mark(gone.ID, keyring.Retired)
	assert.NoError(t, err)
	got, err := keyring.Statuses(t.Context(), s, start.Add(2*time.Minute),
		counts{old.ID: 3, now.ID: 5}, counts{old.ID: 4, gone.ID: 1, "0badcafe": 2, "00000000": 0})
	assert.NoError(t, err)
	type line struct {
		id     string
		role   keyring.Role
		values int64
	}
	var lines []line
	for _, s := range got {
		lines = append(lines, line{s.ID, s.Role, s.Values})
	}
	assert.Equal(t, lines, []line{
		{old.ID, keyring.Verifies, 7},
		{now.ID, keyring.Signs, 5},
		{next.ID, keyring.Next, 0},
		{gone.ID, keyring.Unused, 1},
		{"0badcafe", keyring.Missing, 2},
	})
	_, err = keyring.Statuses(t.Context(), s, start, counts(nil))
	assert.Contains(t, err.Error(), "the store is away")
}
