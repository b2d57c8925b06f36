package hub_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func getClient(t *testing.T, path, etag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	w := httptest.NewRecorder()
	hub.ClientJS().ServeHTTP(w, r)
	return w
}

func TestClientJS(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct{ contentType, part string }{
		"/hub.js":               {"text/javascript; charset=utf-8", "as connect};"},
		"/hub.global.js":        {"text/javascript; charset=utf-8", "var gale="},
		"/assets/hub.global.js": {"text/javascript; charset=utf-8", "var gale="},
		"/hub.d.ts":             {"text/plain; charset=utf-8", "export declare function connect("},
		"/":                     {"text/javascript; charset=utf-8", "as connect};"},
	} {
		w := getClient(t, path, "")
		assert.Equal(t, w.Code, http.StatusOK)
		assert.Equal(t, w.Header().Get("Content-Type"), want.contentType)
		assert.Equal(t, w.Header().Get("Cache-Control"), "no-cache")
		assert.Contains(t, w.Body.String(), want.part)
		assert.Equal(t, getClient(t, path, w.Header().Get("ETag")).Code, http.StatusNotModified)
	}
	module, script := getClient(t, "/hub.js", ""), getClient(t, "/hub.global.js", "")
	assert.True(t, module.Header().Get("ETag") != script.Header().Get("ETag"), "each has a tag of its own")
	for _, w := range []*httptest.ResponseRecorder{module, script} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(w.Body.Bytes())
		assert.NoError(t, err)
		assert.NoError(t, z.Close())
		assert.True(t, packed.Len() < 6<<10, "the client stays under 6 KiB, compressed")
		assert.Contains(t, w.Body.String(), "Apache-2.0")
	}
}

// node returns the program that runs the client outside of a browser.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil || exec.CommandContext(t.Context(), path, "--experimental-websocket", "--eval", "").Run() != nil {
		t.Skip("needs node 20.10 or newer")
	}
	return path
}

// TestClientJSLogic runs the tests in browser/test, where a fake browser and
// the test's hand on the clock reach what no server can.
func TestClientJSLogic(t *testing.T) {
	t.Parallel()
	node := node(t)
	dir := t.TempDir()
	assert.NoError(t, os.CopyFS(dir, os.DirFS("browser/test")))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "hub.mjs"), getClient(t, "/hub.js", "").Body.Bytes(), 0o600))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "hub.global.js"), getClient(t, "/hub.global.js", "").Body.Bytes(), 0o600))
	files, err := filepath.Glob(filepath.Join(dir, "*.test.mjs"))
	assert.NoError(t, err)
	assert.True(t, len(files) > 0, "there are tests")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, node, "--test-reporter=spec", file).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// script is run by node, whose WebSocket is behind a flag
// before version 22.
const script = `
import { connect } from "./client.mjs";
const say = (...words) => process.stdout.write(words.join(" ") + "\n");
const hub = connect(process.argv[2], { wait: 20, transports: [process.argv[3]] });
hub.onstate = s => say("state", s, hub.transport);
hub.subscribe("n", (data, offset) => say("message", offset, data), { lost: n => say("lost", n), recent: 2 });
hub.subscribe("secret", () => {}, { failed: code => say("failed", code) });
hub.call("double", 21).then(n => say("answer", n));
hub.call("triple").catch(err => say("refused", err.code));
process.stdin.on("end", () => { hub.close(); process.stdin.unref && process.stdin.unref(); });
process.stdin.resume();
`

// TestClientJSInNode runs the browser's client against a hub, by each
// transport: it subscribes, is refused, calls, loses its connection, resumes,
// and hears what it cannot get back.
func TestClientJSInNode(t *testing.T) {
	t.Parallel()
	node := node(t)
	dir := t.TempDir()
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "client.mjs"), getClient(t, "/hub.js", "").Body.Bytes(), 0o600))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "main.mjs"), []byte(script), 0o600))
	for _, transport := range []string{"ws", "sse", "poll"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			runInNode(t, node, filepath.Join(dir, "main.mjs"), transport)
		})
	}
}

func runInNode(t *testing.T, node, main, transport string) {
	// Each run of the server is a hub of its own on the same broker, until the
	// last, whose broker knows nothing of the epoch before.
	broker := hub.NewMemoryBroker()
	var mu sync.Mutex
	var current *hub.Hub
	var topic *hub.Topic[int]
	restart := func(b hub.Broker) {
		h := hub.New(hub.Options{Broker: b, DrainOver: -1})
		n := hub.NewTopic(h, "n", hub.TopicOptions[int]{History: 10, Authorize: hub.AllowAll})
		hub.NewTopic(h, "secret", hub.TopicOptions[int]{})
		hub.Handle(h, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
		mu.Lock()
		old := current
		current, topic = h, n
		mu.Unlock()
		if old != nil {
			assert.NoError(t, old.Drain(context.Background()))
		}
	}
	publish := func(n int) {
		t.Helper()
		_, err := topic.Publish(t.Context(), "n", n)
		assert.NoError(t, err)
	}
	restart(broker)
	for i := range 3 {
		publish(101 + i)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := current
		mu.Unlock()
		h.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--experimental-websocket", main, s.URL, transport)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	assert.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	assert.NoError(t, err)
	assert.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	// expect reads lines, those in one text in any order. A poll may find the
	// next server without noticing that there is another.
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if transport == "poll" && strings.HasPrefix(w, "state") {
				continue
			}
			some := strings.Split(w, "|")
			for len(some) > 0 {
				if !lines.Scan() {
					t.Fatalf("node ended, want %q", some)
				}
				if transport == "poll" && strings.HasPrefix(lines.Text(), "state") {
					continue
				}
				i := slices.Index(some, lines.Text())
				if i < 0 {
					t.Fatalf("node says %q, want %q", lines.Text(), some)
				}
				some = slices.Delete(some, i, i+1)
			}
		}
	}
	state := func(s string) string { return "state " + s + " " + transport }
	expect(state("open"), "message 2 102|message 3 103|failed forbidden|answer 42|refused unknown_method")
	publish(104)
	expect("message 4 104")

	restart(broker)
	expect(state("waiting"))
	publish(105)
	expect(state("connecting"), state("open"), "message 5 105")

	restart(hub.NewMemoryBroker())
	expect(state("waiting"), state("connecting"), state("open"), "lost 0")
	publish(1)
	expect("message 1 1")

	assert.NoError(t, stdin.Close())
	expect(state("closed"))
	_, _ = io.Copy(io.Discard, stdout)
	assert.NoError(t, cmd.Wait())
	assert.NoError(t, current.Drain(t.Context()))
}
