package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
)

// handle answers requests without a network, so that synctest's clock runs.
type handle func(w http.ResponseWriter, r *http.Request)

func (h handle) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), r.Context().Err()
}

// queue returns n samples, "0" and up, in a closed channel.
func queue(n int) chan []byte {
	samples := make(chan []byte, n)
	for i := range n {
		samples <- fmt.Append(nil, i)
	}
	close(samples)
	return samples
}

var flags = options{url: "http://relay.test/base/", key: "relay_k", channel: "north", every: time.Second}

func TestSendRequest(t *testing.T) {
	t.Parallel()
	var got []string
	client := &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.WriteHeader(http.StatusCreated)
	})}
	assert.NoError(t, newSender(client, flags, log.New(io.Discard, "", 0)).run(t.Context(), queue(1)))
	if diff := cmp.Diff([]string{"POST http://relay.test/base/api/v1/channels/north/packets Bearer relay_k application/json 0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRetriesInOrderUntilTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var bodies []string
		tries := 0
		client := &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			switch tries++; tries {
			case 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2:
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			case 3:
				w.Header().Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT") // not understood, not waited for
				w.WriteHeader(http.StatusBadGateway)
			}
		})}
		start := time.Now()
		assert.NoError(t, newSender(client, flags, log.New(&out, "", 0)).run(t.Context(), queue(3)))
		if diff := cmp.Diff([]string{"0", "0", "0", "0", "1", "2"}, bodies); diff != "" {
			t.Error(diff)
		}
		took := time.Since(start)
		assert.True(t, took >= 7*time.Second && took < 9*time.Second, "Retry-After: waited "+took.String())
		assert.Equal(t, out.String(), "relay answers 503 Service Unavailable; keeps the samples and tries again\n"+
			"relay answers again; sends what waits\n")
	})
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		client := &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
			at = append(at, time.Now())
			w.WriteHeader(http.StatusInternalServerError)
		})}
		var out bytes.Buffer
		assert.NoError(t, newSender(client, flags, log.New(&out, "", 0)).run(ctx, queue(5)))
		assert.True(t, len(at) > 6 && len(at) < 20, fmt.Sprintf("%d attempts in a minute", len(at)))
		last := at[len(at)-1].Sub(at[len(at)-2])
		assert.True(t, last >= maxBackoff/2 && last <= maxBackoff, "the last wait was "+last.String())
		assert.Contains(t, out.String(), "stops; samples not sent: 5")
	})
}

func TestRefusalsStop(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusUnauthorized:        "relay does not know this key; make one on the profile page and pass it in RELAY_KEY",
		http.StatusForbidden:           "relay has no channel north, or the key may not send to it; create it on the home page",
		http.StatusNotFound:            "relay has no channel north, or the key may not send to it; create it on the home page",
		http.StatusUnprocessableEntity: `relay at http://relay.test/base/ refuses the packets: 422 Unprocessable Entity: "bad\nkind"`,
		http.StatusFound:               "refuses the packets: 302 Found",
	} {
		tries := 0
		client := &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
			tries++
			w.Header().Set("Location", "http://attacker.test/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "bad\nkind")
		})}
		err := newSender(client, flags, log.New(io.Discard, "", 0)).run(t.Context(), queue(2))
		assert.True(t, err != nil, http.StatusText(status)+" is not refused")
		assert.Contains(t, err.Error(), want)
		assert.Equal(t, tries, 1)
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client := &http.Client{Transport: handle(func(w http.ResponseWriter, r *http.Request) {
			if tries++; tries == 1 {
				w.Header().Set("Retry-After", "99999999999999999999")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})}
		start := time.Now()
		assert.NoError(t, newSender(client, flags, log.New(io.Discard, "", 0)).run(t.Context(), queue(1)))
		assert.Equal(t, time.Since(start).Round(time.Second), maxRetryAfter)
	})
}

// lines is a log that a test can wait for.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// A server that is away for a while loses nothing, and gets it in order.
func TestNothingIsLostAcrossARestart(t *testing.T) {
	t.Parallel()
	got := make(chan string, 8)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	})
	old := httptest.NewServer(h)
	o := flags
	o.url = old.URL
	samples, done, out := make(chan []byte, 4), make(chan error), make(lines, 8)
	go func() { done <- newSender(http.DefaultClient, o, log.New(out, "", 0)).run(t.Context(), samples) }()
	samples <- []byte("0")
	assert.Equal(t, <-got, "0")
	old.Close()
	for i := range 3 {
		samples <- fmt.Append(nil, i+1)
	}
	close(samples)
	assert.Contains(t, <-out, "cannot reach relay: ")
	l, err := net.Listen("tcp", old.Listener.Addr().String())
	assert.NoError(t, err)
	restarted := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	restarted.Start()
	defer restarted.Close()
	assert.NoError(t, <-done)
	assert.Equal(t, <-got+<-got+<-got, "123")
	assert.Equal(t, <-out, "relay answers again; sends what waits\n")
}
