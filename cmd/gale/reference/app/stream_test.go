package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
)

// sum is the answer to a stream.
type sum struct{ Stored, Duplicates int }

func TestStream(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		const n = 1234
		var lines strings.Builder
		for i := range n {
			lines.WriteString(lineOf("", i))
			if i%100 == 0 {
				lines.WriteString("\r\n \n") // blank lines are nothing
			}
		}
		var got sum
		c.Do(ndjson(c, "open", lines.String())).Status(http.StatusCreated).JSON(&got)
		assert.Equal(t, got, sum{n, 0})
		packets := stored(c, "open")
		assert.Equal(t, len(packets), n)
		for i, p := range packets {
			assert.Equal(t, p.Payload["n"], any(float64(i))) // in their order
		}
		// Without its line break the last line counts too; none at all is no error.
		c.Do(ndjson(c, "open", strings.TrimSuffix(lineOf("", 1), "\n"))).Status(http.StatusCreated).JSON(&got)
		assert.Equal(t, got, sum{1, 0})
		c.Do(ndjson(c, "open", "\n\n")).Status(http.StatusCreated).JSON(&got)
		assert.Equal(t, got, sum{0, 0})
		c.Do(ndjson(c, "open", `{"kind":"k","payload":`+object(models.MaxPayload)+"}\n")).Status(http.StatusCreated)
		// What goes out comes in again.
		export := c.Get("/api/v1/channels/open/packets.ndjson").Status(http.StatusOK).Text()
		assert.Equal(t, strings.Count(export, "\n"), n+2)
	})
}

func TestStreamWithABadLine(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		for i, bad := range []struct {
			line   string
			status int
			says   []string
		}{
			{`{`, 400, []string{"syntax", "ends too early"}},
			{`[{"kind":"k","payload":{}}]`, 400, []string{"must be an object"}},
			{`{"kind":"k","payload":{"a":1,"a":1}}`, 400, []string{"duplicate", `"/payload/a"`}},
			{"{\"kind\":\"\xff\",\"payload\":{}}", 400, []string{"UTF-8"}},
			{strings.Repeat("[", 60_000), 400, []string{"depth"}},
			{`{"kind":1,"payload":{}}`, 400, []string{`"/kind"`, "must be a string"}},
			{`{"kind":"k","payload":{},"extra":1}`, 400, []string{`"/extra"`}},
			{`{"payload":[]}`, 422, []string{`"/kind"`, `"/payload"`, "required", "must be a JSON object"}},
			{`{"kind":"k","payload":` + object(models.MaxPayload+1) + `}`, 422, []string{`"/payload"`, "65536"}},
			{`{"kind":"k","payload":` + object(80<<10) + `}`, 413, []string{"line_too_long"}},
		} {
			const before = 510 // more than are stored at a time
			var lines strings.Builder
			for j := range before {
				lines.WriteString(lineOf("", j))
			}
			lines.WriteString(bad.line + "\n")
			for j := range 10 {
				lines.WriteString(lineOf("", j))
			}
			had := count(t, s)
			r := ndjson(c, "open", lines.String())
			r.Header.Set("Idempotency-Key", fmt.Sprint("try-", i))
			answer := c.Do(r).Problem("").HasHeader("Relay-Stored", fmt.Sprint(before))
			answer.Contains("line 511").Contains("510 packets before it are stored, nothing from there on")
			if answer.Raw.StatusCode != bad.status {
				t.Errorf("%.60s: %d, want %d", bad.line, answer.Raw.StatusCode, bad.status)
			}
			for _, says := range bad.says {
				answer.Contains(says)
			}
			assert.Equal(t, count(t, s)-had, before)

			// The line mended, the whole is sent again: nothing is there twice.
			r = ndjson(c, "open", strings.Replace(lines.String(), "\n"+bad.line+"\n", "\n"+lineOf("", 7), 1))
			r.Header.Set("Idempotency-Key", fmt.Sprint("try-", i))
			var got sum
			c.Do(r).Status(http.StatusCreated).JSON(&got)
			assert.Equal(t, got, sum{11, before})
			assert.Equal(t, count(t, s)-had, before+11)
		}
	})
}

// count returns how many packets are stored.
func count(t *testing.T, s *site) int {
	t.Helper()
	n, err := db.Get[int](t.Context(), s.db, "SELECT COUNT(*) FROM packets")
	assert.NoError(t, err)
	return n
}

// Without a key the stream is new each time; with one it is the sender's own.
func TestIdempotencyKey(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		other, _ := s.key(s.signIn("ada"), "other")
		lines := lineOf("", 1) + lineOf("mine", 2)
		for _, send := range []struct {
			c    *galetest.Client
			key  string
			want sum
		}{
			{c, "", sum{2, 0}},
			{c, "", sum{1, 1}}, // the line with an id of its own
			{c, "a", sum{1, 1}},
			{c, "a", sum{0, 2}},
			{c, "b", sum{1, 1}},
			{s.Stranger().Bearer(other), "a", sum{2, 0}},
		} {
			r := ndjson(send.c, "open", lines)
			r.Header.Set("Idempotency-Key", send.key)
			var got sum
			send.c.Do(r).Status(http.StatusCreated).JSON(&got)
			assert.Equal(t, got, send.want)
		}
		for _, key := range []string{strings.Repeat("k", 65), "K\u00f6ln", "\xff", "a\tb"} {
			for _, r := range []*http.Request{ndjson(c, "open", lines), c.NewRequest(http.MethodPost, "/api/v1/channels/open/packets", "[]")} {
				r.Header.Set("Idempotency-Key", key)
				c.Do(r).Status(http.StatusBadRequest).Problem("").Contains("Idempotency-Key")
			}
		}
		keyed := c.With("Idempotency-Key", "array")
		for _, body := range []string{`[{"kind":"k","payload":{}},{"kind":"k","payload":{}}]`, `{"kind":"k","payload":{}}`} {
			keyed.Post("/api/v1/channels/open/packets", body)
			had := len(stored(c, "open"))
			keyed.Post("/api/v1/channels/open/packets", body).Contains("duplicate")
			assert.Equal(t, len(stored(c, "open")), had)
		}
	})
}

// A line of a stream that goes on is stored soon, not when the stream ends.
func TestStreamIsStoredAsItComes(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		body, writer := io.Pipe()
		r := c.NewRequest(http.MethodPost, "/api/v1/channels/open/packets", body)
		r.Header.Set("Content-Type", "application/x-ndjson")
		done := make(chan *http.Response, 1)
		go func() {
			answer, err := c.HTTP().Do(r)
			if err != nil {
				t.Error(err)
			}
			done <- answer
		}()
		for i := range 3 {
			_, err := io.WriteString(writer, lineOf("", i))
			assert.NoError(t, err)
			until(t, func() bool { return len(stored(c, "open")) == i+1 })
		}
		assert.NoError(t, writer.Close())
		answer := <-done
		assert.NoError(t, answer.Body.Close())
		assert.Equal(t, answer.StatusCode, http.StatusCreated)
	})
}

// until waits for what must come.
func until(t *testing.T, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
		runtime.Gosched()
	}
}

// A client that vanishes in the middle of a line: whole lines may be stored,
// the half one never, and a retry with the key makes it whole.
func TestStreamBreaksOff(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		conn, r := dial(t, s, c)
		var lines strings.Builder
		for i := range 800 {
			lines.WriteString(lineOf("", i))
		}
		whole := lines.String()
		half := whole[:len(whole)-20]
		_, err := fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\nIdempotency-Key: k\r\n\r\n%x\r\n%s\r\n", r, len(half), half)
		assert.NoError(t, err)
		until(t, func() bool { return len(stored(c, "open")) >= 500 })
		assert.NoError(t, conn.Close())
		retry := ndjson(c, "open", whole)
		retry.Header.Set("Idempotency-Key", "k")
		var got sum
		c.Do(retry).Status(http.StatusCreated).JSON(&got)
		assert.Equal(t, got.Stored+got.Duplicates, 800)
		seen := map[any]int{}
		for _, p := range stored(c, "open") {
			seen[p.Payload["n"]]++
		}
		assert.Equal(t, len(seen), 800)
		for n, times := range seen {
			if times != 1 {
				t.Fatalf("packet %v is there %d times", n, times)
			}
		}
		// The same with a length that is not kept.
		conn, r = dial(t, s, c)
		_, err = fmt.Fprintf(conn, "%sContent-Length: 1000\r\n\r\n{\"kind\":", r)
		assert.NoError(t, err)
		assert.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		assert.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		assert.NoError(t, err)
		assert.Equal(t, answer.StatusCode, http.StatusBadRequest)
		assert.Equal(t, answer.Header.Get("Relay-Stored"), "0")
		if !strings.Contains(string(text), "ended too early") {
			t.Errorf("answer is %s", text)
		}
	})
}

// dial returns a connection and the beginning of a streaming request on it.
func dial(t *testing.T, s *site, c *galetest.Client) (net.Conn, string) {
	t.Helper()
	transport := c.HTTP().Transport.(*http.Transport)
	conn, err := transport.DialContext(t.Context(), "tcp", "gale.test:80")
	assert.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	key := c.NewRequest(http.MethodGet, "/", nil).Header.Get("Authorization")
	return conn, "POST /api/v1/channels/open/packets HTTP/1.1\r\nHost: gale.test\r\nAuthorization: " + key + "\r\nContent-Type: application/x-ndjson\r\n"
}

// streamMemory is far more than a stream needs and far less than it brings.
const streamMemory = 32 << 20

// Not parallel: it looks at the memory of the whole process.
func TestLongStreamAtConstantMemory(t *testing.T) {
	runSite(t, galetest.Engine, galesqlite.Driver(), func(t *testing.T, s *site) {
		c := s.furnish()
		const size = 64 << 20
		line := `{"kind":"k","payload":` + object(8<<10) + "}\n"
		var sent atomic.Int64
		body := readerFunc(func(p []byte) (int, error) {
			if sent.Load() >= size {
				return 0, io.EOF
			}
			n := 0
			for n+len(line) <= len(p) {
				n += copy(p[n:], line)
			}
			sent.Add(int64(n))
			return n, nil
		})
		r := c.NewRequest(http.MethodPost, "/api/v1/channels/open/packets", bufio.NewReaderSize(body, 64<<10))
		r.Header.Set("Content-Type", "application/x-ndjson")
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before, most := heap(), uint64(0)
		done, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for ticker := time.NewTicker(50 * time.Millisecond); ; {
				select {
				case <-done:
					ticker.Stop()
					return
				case <-ticker.C:
					most = max(most, heap())
				}
			}
		}()
		var got sum
		c.Do(r).Status(http.StatusCreated).JSON(&got)
		close(done)
		<-watched
		assert.Equal(t, int64(got.Stored), sent.Load()/int64(len(line)))
		if most > before+streamMemory {
			t.Errorf("%d MiB in, the heap grew by %d MiB", size>>20, (most-before)>>20)
		}
		// And out again.
		answer := c.Stream(c.NewRequest(http.MethodGet, "/api/v1/channels/open/packets.ndjson", nil))
		before = heap()
		read, buf := int64(0), make([]byte, 1<<20)
		for {
			n, err := io.ReadFull(answer.Body, buf)
			read += int64(n)
			if most := heap(); most > before+streamMemory {
				t.Fatalf("%d MiB out, the heap grew by %d MiB", read>>20, (most-before)>>20)
			}
			if err != nil {
				break
			}
		}
		if read < sent.Load() {
			t.Errorf("%d bytes went in, %d came out", sent.Load(), read)
		}
	}, nil)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
