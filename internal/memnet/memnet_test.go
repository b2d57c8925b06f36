package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

func TestServesHTTP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen("gale.test:80")
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		})}
		go func() { _ = srv.Serve(l) }()
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
		defer tr.CloseIdleConnections()
		body := strings.Repeat("x", 1<<20)
		resp, err := (&http.Client{Transport: tr}).Post("http://gale.test/", "text/plain", strings.NewReader(body))
		assert.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		assert.True(t, string(got) == body, "the echo differs")
		assert.NoError(t, srv.Close())
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := memnet.Pipe("server", "client")
		start := time.Now()
		assert.NoError(t, client.SetReadDeadline(start.Add(time.Second)))
		_, err := client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		ne, ok := errors.AsType[net.Error](err)
		assert.True(t, ok && ne.Timeout(), "the error is no net.Error time-out")
		assert.Equal(t, time.Since(start), time.Second)

		assert.NoError(t, client.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := client.Write(make([]byte, 1<<20))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, n, 64<<10)

		// A new deadline revives the connection.
		assert.NoError(t, client.SetDeadline(time.Time{}))
		_, err = server.Write([]byte("a"))
		assert.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		assert.NoError(t, err)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	client, server := memnet.Pipe("server", "client")
	_, err := client.Write([]byte("last words"))
	assert.NoError(t, err)
	assert.NoError(t, client.Close())
	got, err := io.ReadAll(server)
	assert.NoError(t, err)
	assert.Equal(t, string(got), "last words")
	_, err = server.Write([]byte("x"))
	assert.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = client.Read(make([]byte, 1))
	assert.ErrorIs(t, err, net.ErrClosed)

	l := memnet.Listen("x")
	assert.NoError(t, l.Close())
	assert.NoError(t, l.Close())
	_, err = l.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = l.Dial(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = memnet.Listen("y").Dial(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
