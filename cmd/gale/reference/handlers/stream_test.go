package handlers_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/db"
)

const line = `{"kind":"k","payload":{}}` + "\n"

// begin opens a request with a body in chunks.
func begin(t *testing.T, conn net.Conn, contentType string) (chunk func(string), answer func() (*http.Response, string)) {
	t.Helper()
	send(t, conn, "POST /open/packets HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nContent-Type: "+contentType+"\r\n\r\n")
	chunk = func(text string) {
		t.Helper()
		send(t, conn, fmt.Sprintf("%x\r\n%s\r\n", len(text), text))
	}
	return chunk, func() (*http.Response, string) {
		t.Helper()
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		assert.NoError(t, err)
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		return r, string(text)
	}
}

// A sensor that sends a line every 50 s, for an hour: each is stored at once,
// and nobody cuts it off.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		conn := serve(t, s.api())()
		chunk, answer := begin(t, conn, "application/x-ndjson")
		const n = 72
		for i := range n {
			chunk(line)
			time.Sleep(time.Second)
			assert.Equal(t, len(s.sizes()), i+1)
			time.Sleep(49 * time.Second)
		}
		send(t, conn, "0\r\n\r\n")
		r, text := answer()
		assert.Equal(t, r.StatusCode, http.StatusCreated)
		assert.Equal(t, strings.TrimSpace(text), `{"stored":72,"duplicates":0}`)
	})
}

// One that falls silent is told so, and what it sent is stored.
func TestSilentStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		begun := time.Now()
		chunk, answer := begin(t, serve(t, s.api())(), "application/x-ndjson")
		chunk(line + line + `{"kind":`)
		r, text := answer()
		assert.Equal(t, r.StatusCode, http.StatusRequestTimeout)
		assert.Equal(t, r.Header.Get("Relay-Stored"), "2")
		if !strings.Contains(text, "line 3: 2 packets before it are stored") {
			t.Errorf("the answer is %s", text)
		}
		assert.Equal(t, time.Since(begun).Round(time.Second), time.Minute)
		assert.Equal(t, s.sizes(), []int{2})
	})
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		begun := time.Now()
		conn := serve(t, s.api())()
		_, answer := begin(t, conn, "application/json")
		go func() { // a byte every ten seconds
			for {
				if _, err := io.WriteString(conn, "1\r\n \r\n"); err != nil {
					return
				}
				select {
				case <-time.After(10 * time.Second):
				case <-t.Context().Done():
					return
				}
			}
		}()
		r, _ := answer()
		assert.Equal(t, r.StatusCode, http.StatusRequestTimeout)
		assert.Equal(t, time.Since(begun).Round(time.Second), time.Minute)
		assert.Equal(t, len(s.sizes()), 0)
	})
}

// The answer may take longer than the last line did.
func TestSlowCommit(t *testing.T) {
	t.Parallel()
	for contentType, body := range map[string]string{"application/x-ndjson": line, "application/json": line} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{fail: func(int) error { time.Sleep(2 * time.Minute); return nil }}
			conn := serve(t, s.api())()
			send(t, conn, fmt.Sprintf("POST /open/packets HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n%s", len(body), contentType, body))
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			assert.NoError(t, err)
			assert.Equal(t, r.StatusCode, http.StatusCreated)
		})
	}
}

// post sends lines and returns the answer and its text.
func (s *store) post(t *testing.T, lines string) (*http.Response, string) {
	t.Helper()
	r, err := http.Post(s.server(t)+"/open/packets", "application/x-ndjson", strings.NewReader(lines))
	assert.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	assert.NoError(t, err)
	return r, string(text)
}

// A chunk is bounded by lines and by bytes.
func TestChunks(t *testing.T) {
	t.Parallel()
	s := &store{}
	r, _ := s.post(t, strings.Repeat(line, 1200))
	assert.Equal(t, r.StatusCode, http.StatusCreated)
	total := 0
	for _, n := range s.sizes() {
		if total += n; n > 500 {
			t.Errorf("%d lines at once", n)
		}
	}
	assert.Equal(t, total, 1200)
	s = &store{}
	large := `{"kind":"k","payload":{"x":"` + strings.Repeat("x", 60<<10) + `"}}` + "\n"
	r, _ = s.post(t, strings.Repeat(large, 100))
	assert.Equal(t, r.StatusCode, http.StatusCreated)
	for _, n := range s.sizes() {
		if n > 18 {
			t.Errorf("%d lines of 60 KiB at once", n)
		}
	}
}

// The database fails in the middle: 503 with what is stored, and no more is.
func TestStreamWhenStoringFails(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"good lines":      strings.Repeat(line, 5000),
		"a bad line too":  strings.Repeat(line, 700) + "nonsense\n",
		"at its very end": strings.Repeat(line, 501),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var good int
			s := &store{}
			s.fail = func(call int) error {
				if call > 1 {
					return fmt.Errorf("%w: locked", db.ErrUnavailable)
				}
				good = len(s.appends[0])
				return nil
			}
			r, text := s.post(t, lines)
			assert.Equal(t, r.StatusCode, http.StatusServiceUnavailable)
			assert.Equal(t, r.Header.Get("Retry-After") != "", true)
			assert.Equal(t, r.Header.Get("Relay-Stored"), fmt.Sprint(good))
			if want := fmt.Sprintf("first %d packets of the stream are stored, nothing after", good); !strings.Contains(text, want) {
				t.Errorf("the answer does not say %q: %s", want, text)
			}
			assert.Equal(t, len(s.sizes()), 2)
		})
	}
}

// What nobody foresaw tells nothing of its cause, but still what is stored.
func TestStreamWithAnUnknownError(t *testing.T) {
	t.Parallel()
	s := &store{fail: func(int) error { return errors.New("secret") }}
	r, text := s.post(t, line)
	assert.Equal(t, r.StatusCode, http.StatusInternalServerError)
	assert.Equal(t, r.Header.Get("Relay-Stored"), "0")
	if strings.Contains(text, "secret") {
		t.Errorf("the answer is %s", text)
	}
}
