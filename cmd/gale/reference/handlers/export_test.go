package handlers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
)

// numbered yields n packets of about 1 KiB, and then err if there is one.
func numbered(n int, err error) func(func(models.Packet, error) bool) {
	payload := jsontext.Value(`{"x":"` + strings.Repeat("x", 1000) + `"}`)
	return func(yield func(models.Packet, error) bool) {
		for i := range n {
			if !yield(models.Packet{ID: int64(i + 1), Kind: "k", Payload: payload}, nil) {
				return
			}
		}
		if err != nil {
			yield(models.Packet{}, err)
		}
	}
}

// connection is a ResponseWriter with a write deadline. Its Write wants one
// that is far off; the stalledth fails, as if its reader had stopped.
type connection struct {
	t      *testing.T
	header http.Header

	mu       sync.Mutex // deadlines may be moved during a write
	deadline time.Time
	stalled  int
	writes   int
	body     strings.Builder
	flushed  int // length of the body at the last flush
}

func (c *connection) Header() http.Header { return c.header }
func (c *connection) WriteHeader(int)     {}

func (c *connection) SetWriteDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = at
	return nil
}

func (c *connection) Flush() { c.flushed = c.body.Len() }

func (c *connection) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() {
		c.t.Error("a write without a deadline: a reader who stops keeps us for ever")
	}
	if left := time.Until(c.deadline); left < 50*time.Second {
		c.t.Errorf("only %v are left for a write", left)
	}
	if c.writes++; c.writes == c.stalled {
		return 0, os.ErrDeadlineExceeded
	}
	return c.body.Write(p)
}

// However long an export takes, each write has its minute; and after it the
// connection has no deadline, which would end a later request.
func TestLongExport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		s := &store{export: func(yield func(models.Packet, error) bool) {
			for p, err := range numbered(n, nil) {
				time.Sleep(10 * time.Second)
				if !yield(p, err) {
					t.Error("the export was ended early")
					return
				}
			}
		}}
		w := &connection{t: t, header: http.Header{}}
		s.api().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/open/packets.ndjson", nil))
		assert.Equal(t, strings.Count(w.body.String(), "\n"), n)
		assert.Equal(t, w.flushed, w.body.Len()) // within the deadline
		assert.Equal(t, w.deadline, time.Time{})
	})
}

// A reader who let the deadline pass is cut off, and the database read no further
// for him.
func TestStalledReader(t *testing.T) {
	t.Parallel()
	read := 0
	s := &store{export: func(yield func(models.Packet, error) bool) {
		numbered(10_000, nil)(func(p models.Packet, err error) bool {
			read++
			return yield(p, err)
		})
	}}
	w := &connection{t: t, header: http.Header{}, stalled: 3}
	defer func() {
		assert.Equal(t, recover(), any(http.ErrAbortHandler))
		assert.Equal(t, w.writes, 3)
		if read > 200 {
			t.Errorf("%d packets were read", read)
		}
	}()
	s.api().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/open/packets.ndjson", nil))
}

// A failure at the beginning is an answer; later the connection is cut, so that
// nobody takes the part for the whole.
func TestExportFails(t *testing.T) {
	t.Parallel()
	s := &store{export: numbered(0, db.ErrUnavailable)}
	address := s.server(t) + "/open/packets.ndjson"
	r, err := http.Get(address)
	assert.NoError(t, err)
	assert.NoError(t, r.Body.Close())
	assert.Equal(t, r.StatusCode, http.StatusServiceUnavailable)
	assert.Equal(t, r.Header.Get("Content-Type"), "application/problem+json")
	assert.Equal(t, r.Header.Get("Content-Disposition"), "")
	s.export = numbered(100, errors.New("lost"))
	r, err = http.Get(address)
	assert.NoError(t, err)
	defer r.Body.Close()
	assert.Equal(t, r.StatusCode, http.StatusOK)
	if _, err = io.ReadAll(r.Body); err == nil {
		t.Error("the part was taken for the whole")
	}
}
