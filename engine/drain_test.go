package engine_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// drainHandler streams until the server drains, or until its client has gone.
func drainHandler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/stream":
		_, _ = io.WriteString(w, "open\n")
		w.(http.Flusher).Flush()
		<-engine.Draining(context.WithoutCancel(r.Context()))
		_, _ = io.WriteString(w, "drained\n")
	case "/stuck":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func TestDraining(t *testing.T) {
	t.Parallel()
	assert.True(t, engine.Draining(t.Context()) == nil, "there is a channel without a server")
	for _, mode := range append(attackedModes(), engine.Std) {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Handler: http.HandlerFunc(drainHandler), Mode: mode})
			idle, stream, late := v.dial(), v.dial(), v.dial()
			idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			assert.Equal(t, idle.status(), 200)
			stream.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
			resp, err := http.ReadResponse(stream.r, nil)
			assert.NoError(t, err)
			open := make([]byte, len("open\n"))
			_, err = io.ReadFull(resp.Body, open)
			assert.NoError(t, err)
			late.send("GET / HTTP/1.1\r\nHost: a\r\nX-Late: ") // its request is under way
			if mode == engine.Std {
				late.send("\r\n\r\n") // net/http closes such connections
				assert.Equal(t, late.status(), 200)
			} else {
				v.until("all that was sent", func(st engine.Stats) bool { return st.BytesRead == 93 })
			}

			done := make(chan error, 1)
			go func() { done <- v.srv.Shutdown(t.Context()) }()
			rest, err := io.ReadAll(resp.Body)
			assert.NoError(t, err)
			assert.Equal(t, string(rest), "drained\n")
			assert.Equal(t, idle.cut(), false)
			want := engine.Drained{Finished: 1}
			if mode != engine.Std {
				late.send("\r\n\r\n")
				resp := late.response()
				assert.True(t, resp != nil && resp.StatusCode == 200, "a request that had begun was not answered")
				assert.True(t, resp != nil && resp.Close, "the client is not told that the connection ends")
				// The head of the stream has not told its client that the connection ends.
				want = engine.Drained{Finished: 2, Idle: 2}
			}
			assert.NoError(t, <-done)
			assert.Equal(t, v.srv.Stats().Drained, want)
		})
	}
}

// TestHardStop has a request that does not end by itself.
func TestHardStop(t *testing.T) {
	t.Parallel()
	for _, mode := range append(attackedModes(), engine.Std) {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Handler: http.HandlerFunc(drainHandler), Mode: mode})
			stuck := v.dial()
			stuck.send("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
			_, err := http.ReadResponse(stuck.r, nil)
			assert.NoError(t, err)
			short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			assert.ErrorIs(t, v.srv.Shutdown(short), context.DeadlineExceeded)
			assert.Equal(t, v.srv.Stats().Drained, engine.Drained{})
			assert.NoError(t, v.srv.Close())
			_, _ = io.Copy(io.Discard, stuck.r)
			assert.Equal(t, v.srv.Stats().Drained, engine.Drained{Cut: 1})
		})
	}
}
