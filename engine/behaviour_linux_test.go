package engine

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// deed is one request of a client that misbehaves in the way of its path.
type deed struct {
	Kind string
	Body int
}

// behave is the handler: it notes each request that it serves.
type behave struct {
	mu    sync.Mutex
	asked map[string]int
}

func (b *behave) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked[r.URL.RequestURI()]++
	b.mu.Unlock()
	switch r.URL.Path {
	case "/slow":
		for range 50 {
			runtime.Gosched()
		}
	case "/exit":
		runtime.Goexit()
	case "/panic":
		panic(http.ErrAbortHandler)
	case "/hijack":
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
		return
	}
	n, _ := io.Copy(io.Discard, r.Body)
	_, _ = fmt.Fprintf(w, "%s %d", r.URL.RequestURI(), n)
}

// Whatever clients do, each request that came before one that ends the connection
// is served once and answered in order, and nothing is left in the end.
func TestClientsBehaviour(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Loop, Pool, AlwaysSlow, AlwaysInline} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h := &behave{asked: map[string]int{}}
			s := &Server{Mode: mode, Handler: h}
			addr := startNative(t, s)
			run := 0
			rapid.Check(t, func(rt *rapid.T) {
				run++
				deeds := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) deed {
					return deed{
						rapid.SampledFrom([]string{"quick", "quick", "quick", "slow", "body", "exit", "panic", "hijack"}).Draw(rt, "kind"),
						rapid.SampledFrom([]int{0, 1, 5000, 40000}).Draw(rt, "body"),
					}
				}), 1, 8).Draw(rt, "deeds")
				var out strings.Builder
				var want []string
				ended := false
				for i, d := range deeds {
					uri := fmt.Sprintf("/%s?%d.%d", d.Kind, run, i)
					if d.Kind != "body" {
						d.Body = 0
					}
					fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", uri, d.Body, strings.Repeat("b", d.Body))
					switch {
					case ended:
					case d.Kind == "exit" || d.Kind == "panic" || d.Kind == "hijack":
						ended = true
					default:
						want = append(want, fmt.Sprintf("%s %d", uri, d.Body))
					}
				}
				c := dialTo(t, addr)
				defer func() { _ = c.Close() }()
				half := rapid.Bool().Draw(rt, "half-close")
				cut := rapid.IntRange(0, out.Len()).Draw(rt, "split")
				wrote := make(chan struct{})
				go func() {
					defer close(wrote)
					_, _ = io.WriteString(c, out.String()[:cut])
					runtime.Gosched()
					_, _ = io.WriteString(c, out.String()[cut:])
					if half {
						_ = c.CloseWrite()
					}
				}()
				r := bufio.NewReader(c)
				for i, w := range want {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						if ended { // the reset of what was not read may overtake answers
							break
						}
						rt.Fatalf("answer %d: %v", i, err)
					}
					got, _ := io.ReadAll(resp.Body)
					if string(got) != w && !ended {
						rt.Fatalf("answer %d is %q, want %q", i, got, w)
					}
				}
				if half || ended {
					if _, err := r.ReadByte(); err == nil {
						rt.Fatal("more answers than requests")
					}
				}
				<-wrote
			})
			eventually(t, "all connections gone", func() bool {
				st := s.Stats()
				return st.Reading+st.Active+st.Idle+st.Closing+st.Hijacked == 0 && len(s.Running()) == 0
			})
			h.mu.Lock()
			defer h.mu.Unlock()
			for uri, n := range h.asked {
				if n != 1 {
					t.Errorf("%s was served %d times", uri, n)
				}
			}
		})
	}
}
