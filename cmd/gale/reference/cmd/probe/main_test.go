package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
)

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse(nil, "from-env", io.Discard)
	assert.NoError(t, err)
	assert.Equal(t, o, options{"http://127.0.0.1:8080", "from-env", "machine", time.Second, 0})
	o, err = parse(strings.Fields("--url https://r.test --key k --channel north --every 2s --count 3"), "from-env", io.Discard)
	assert.NoError(t, err)
	assert.Equal(t, o, options{"https://r.test", "k", "north", 2 * time.Second, 3})
	_, err = parse([]string{"-h"}, "", io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                      "no key: make one on relay's profile page and pass it in RELAY_KEY",
		"--key k --url relay":   `--url "relay" is not an address like http://127.0.0.1:8080`,
		"--key k --url ftp://r": "is not an address",
		"--key k --every 1ms":   "--every be at least 100ms",
		"--key k --count -1":    "--count not be negative",
		"--key k --channel=":    "--channel must not be empty",
		"--key k north":         `"north" is not a flag`,
		"--keys":                "not defined",
	} {
		_, err := parse(strings.Fields(args), "", io.Discard)
		assert.True(t, err != nil, args+" is taken")
		assert.Contains(t, err.Error(), want)
	}
}

// relayOf returns a client whose server keeps what it takes, after being away.
func relayOf(t *testing.T, away time.Duration, ids *[]string) *http.Client {
	back := time.Now().Add(away)
	return &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
		if time.Now().Before(back) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var packets []struct {
			Kind     string
			ClientID string `json:"client_id"`
		}
		assert.NoError(t, json.UnmarshalRead(r.Body, &packets))
		*ids = append(*ids, packets[0].ClientID[:len("2026-05-04T12:00:00")])
	})}
}

func TestRunSendsWhatItKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		var out bytes.Buffer
		o := flags
		o.count = 40
		assert.NoError(t, run(t.Context(), o, fixture(t, nil), relayOf(t, 30*time.Second, &ids), log.New(&out, "", 0)))
		var want []string
		for i := range 40 {
			want = append(want, time.Now().Add(time.Duration(i-39)*time.Second).UTC().Format("2006-01-02T15:04:05"))
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Error(diff)
		}
		assert.Contains(t, out.String(), "sends load, memory, cpu and network figures to channel north of http://relay.test/base/ every 1s; Ctrl-C stops it\n")
	})
}

func TestBacklogDropsTheOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		var out bytes.Buffer
		o := flags
		o.count = 2 * backlog
		start := time.Now()
		assert.NoError(t, run(t.Context(), o, fixture(t, nil), relayOf(t, 2*backlog*time.Second, &ids), log.New(&out, "", 0)))
		// The first was already on its way; the others are the latest.
		assert.Equal(t, len(ids), backlog+1)
		assert.Equal(t, ids[1], start.Add(backlog*time.Second).UTC().Format("2006-01-02T15:04:05"))
		assert.Equal(t, strings.Count(out.String(), "drops the oldest"), 1)
	})
}

func TestRunEndsOnInterrupt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5500*time.Millisecond, cancel)
		assert.NoError(t, run(ctx, flags, fixture(t, nil), relayOf(t, 0, &ids), log.New(io.Discard, "", 0)))
		assert.Equal(t, len(ids), 6)
	})
}

func TestRunEndsOnRefusalAndWithoutProc(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })}
	err := run(t.Context(), flags, fixture(t, nil), client, log.New(io.Discard, "", 0))
	assert.True(t, err != nil, "a refused key is no error")
	assert.Contains(t, err.Error(), "does not know this key")

	var out bytes.Buffer
	err = run(t.Context(), flags, fstest.MapFS{}, client, log.New(&out, "", 0))
	assert.True(t, err != nil && !errors.Is(err, context.Canceled), "an empty /proc is no error")
	assert.Contains(t, err.Error(), "found nothing in /proc")
	assert.Equal(t, strings.Count(out.String(), "leaves out"), 4)
}
