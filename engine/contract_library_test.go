package engine_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// libraryCases run handlers of the standard library and of others.
func libraryCases() []contractCase {
	on := func(h http.Handler) func(*run, http.ResponseWriter, *http.Request) {
		return func(_ *run, w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }
	}
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %q id=%s rest=%s", r.Method, r.URL.Path, r.Pattern, r.PathValue("id"), r.PathValue("rest"))
	})
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /items/{id}", "POST /items/{id}", "/files/{rest...}", "/tree/", "other.test/", "GET /{$}"} {
		mux.Handle(pattern, show)
	}
	asked := func(name, send string, h http.Handler) contractCase {
		return contractCase{name: name, do: on(h), send: send + last}
	}
	return slices.Concat([]contractCase{
		asked("ServeMux: a value", ask("GET /items/7"), mux),
		asked("ServeMux: an escaped value", ask("GET /items/a%2Fb%20c"), mux),
		asked("ServeMux: HEAD for GET", ask("HEAD /items/7"), mux),
		asked("ServeMux: wrong method", ask("PUT /items/7"), mux),
		asked("ServeMux: the rest", ask("POST /files/a/b/c"), mux),
		asked("ServeMux: a slash is added", ask("GET /tree?x=1"), mux),
		asked("ServeMux: dots are taken out", ask("GET /tree/../items/7"), mux),
		asked("ServeMux: by host", head("GET /any HTTP/1.1", "Host: other.test"), mux),
		asked("ServeMux: not found", ask("GET /nowhere"), mux),
		asked("ServeMux: CONNECT", head("CONNECT other.test:80 HTTP/1.1", "Host: other.test:80"), mux),
		asked("StripPrefix", ask("GET /api/v1/items/7"), http.StripPrefix("/api/v1", mux)),
		asked("StripPrefix that does not match", ask("GET /other"), http.StripPrefix("/api", mux)),
		asked("AllowQuerySemicolons", ask("GET /?a=1;b=2"), http.AllowQuerySemicolons(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.FormValue("b"))
		}))),
		asked("RedirectHandler", ask("GET /old"), http.RedirectHandler("/new", http.StatusPermanentRedirect)),
		asked("CrossOriginProtection", ask("POST /", "Sec-Fetch-Site: cross-site", "Content-Length: 2")+"ok", new(http.CrossOriginProtection).Handler(show)),
		asked("JSON", ask("POST /", "Content-Type: application/json", "Content-Length: 14")+`{"name":"gé"}`, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in struct{ Name string }
			err := json.NewDecoder(r.Body).Decode(&in)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"hello": in.Name, "error": err})
		})),
		asked("gzip", ask("GET /", "Accept-Encoding: gzip"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for i := range 200 {
				fmt.Fprintf(z, "compressed line %d\n", i)
			}
			_ = z.Close()
		})),
		asked("DumpRequest", ask("POST /x?y=1", "X-A: 1", "Content-Length: 4")+"body", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			dump, err := httputil.DumpRequest(r, true)
			fmt.Fprintf(w, "%q %v", dump, err)
		})),
		{
			name: "TimeoutHandler in time", send: ask("GET /") + last, blocks: true,
			do: on(http.TimeoutHandler(show, time.Hour, "too late")),
		},
		{
			name: "TimeoutHandler too late", blocks: true, send: ask("GET /") + last,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer k.enter()()
					<-r.Context().Done()
					k.note("%v", r.Context().Err())
				}), 5*time.Millisecond, "too late").ServeHTTP(w, r)
			},
		},
		{
			name: "server-sent events", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				w.Header().Set("Cache-Control", "no-store")
				for i := range 3 {
					fmt.Fprintf(w, "id: %d\ndata: x\n\n", i)
					_ = http.NewResponseController(w).Flush()
					k.await(fmt.Sprint("got ", i))
				}
			},
			script: func(k *run) {
				k.send(ask("GET /", "Accept: text/event-stream"))
				for i := range 3 {
					k.until(fmt.Sprintf("id: %d\ndata: x\n\n", i))
					k.tell(fmt.Sprint("got ", i))
				}
				k.send(last)
				k.end()
			},
		},
		multipartCase("an upload kept in memory", 1000),
		multipartCase("an upload kept in a file", 100_000),
		{
			name: "MultipartReader", do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				parts, err := r.MultipartReader()
				k.note("%v", err)
				for err == nil {
					var part *multipart.Part
					if part, err = parts.NextPart(); err == nil {
						n, rerr := io.Copy(io.Discard, part)
						k.note("%s %s %d %v", part.FormName(), part.FileName(), n, rerr)
					}
				}
				k.note("%v", err)
			},
			send: multipartBody(50_000) + last,
		},
	}, recorderCases(show), clientCases(), webSocketCases())
}

const contractBoundary = "contractboundary"

func multipartBody(n int) string {
	var b strings.Builder
	m := multipart.NewWriter(&b)
	_ = m.SetBoundary(contractBoundary)
	_ = m.WriteField("name", "value")
	f, _ := m.CreateFormFile("file", "f.txt")
	_, _ = io.WriteString(f, strings.Repeat("f", n))
	_ = m.Close()
	return ask("POST /", "Content-Type: "+m.FormDataContentType(), fmt.Sprint("Content-Length: ", b.Len())) + b.String()
}

func multipartCase(name string, n int) contractCase {
	return contractCase{name: name, send: multipartBody(n) + last, do: func(k *run, w http.ResponseWriter, r *http.Request) {
		err := r.ParseMultipartForm(10_000)
		k.note("%v %v", err, r.MultipartForm.Value)
		f, h, err := r.FormFile("file")
		if err != nil {
			k.note("%v", err)
			return
		}
		got, err := io.Copy(io.Discard, f)
		fmt.Fprintf(w, "%s %d %d %v %v", h.Filename, h.Size, got, err, f.Close())
	}}
}

// recorderCases compare what httptest.ResponseRecorder says of a handler with
// what comes over the wire.
func recorderCases(show http.Handler) []contractCase {
	var cases []contractCase
	for name, h := range map[string]http.Handler{
		"a write":    show,
		"an error":   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) }),
		"a redirect": http.RedirectHandler("/x", http.StatusFound),
		"no content": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		"late field": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "{}")
			w.Header().Set("X-Late", "1")
		}),
		"trailers": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "1")
		}),
	} {
		summary := func(r *http.Response) string {
			body, err := io.ReadAll(r.Body)
			header := r.Header.Clone()
			for _, name := range []string{"Date", "Content-Length", "Connection", "Trailer"} {
				header.Del(name)
			}
			return fmt.Sprintf("%d %q %v %v %v", r.StatusCode, body, err, header, r.Trailer)
		}
		cases = append(cases, contractCase{
			name: "as a ResponseRecorder: " + name,
			do:   func(_ *run, w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) },
			script: func(k *run) {
				k.exchange(ask("GET /x", "Connection: close"))
				sent, err := http.ReadResponse(bufio.NewReader(strings.NewReader(k.raw())), nil)
				if err != nil {
					k.fault("%v", err)
					return
				}
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/x", nil))
				if got, want := summary(sent), summary(rec.Result()); got != want {
					k.fault("got %s, recorded %s", got, want)
				}
			},
		})
	}
	return cases
}

// clientCases talk by net/http's own client.
func clientCases() []contractCase {
	by := func(name string, do func(*run, http.ResponseWriter, *http.Request), body func() io.Reader, change func(*http.Request)) contractCase {
		return contractCase{name: "http.Client: " + name, do: do, blocks: true, script: func(k *run) {
			c := k.client(do)
			for range 3 {
				r, err := http.NewRequestWithContext(k.ctx, http.MethodPost, k.scheme()+"://example.com/path?q=1", body())
				if err != nil {
					k.fault("%v", err)
					return
				}
				if change != nil {
					change(r)
				}
				var reused bool
				trace := &httptrace.ClientTrace{
					GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused },
					Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
						k.note("%d %v", code, h)
						return nil
					},
				}
				resp, err := c.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
				if err != nil {
					k.note("%v", err != nil)
					continue
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				names := slices.Sorted(maps.Keys(resp.Header))
				k.note("%s %q %v %v %v %v %d reused %v", resp.Status, mask(string(got)), err, names, resp.Trailer, resp.TransferEncoding, resp.ContentLength, reused)
			}
		}}
	}
	none := func() io.Reader { return nil }
	some := func() io.Reader { return strings.NewReader("some body") }
	stream := func() io.Reader { return struct{ io.Reader }{strings.NewReader(strings.Repeat("s", 100_000))} }
	count := func(_ *run, w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err, r.Trailer, r.TransferEncoding)
	}
	return []contractCase{
		by("no body", echoes, none, nil),
		by("a body", echoes, some, nil),
		by("a streamed body", count, stream, nil),
		by("trailers", func(k *run, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			count(k, w, r)
			w.Header().Set("X-Sum", "7")
		}, stream, func(r *http.Request) { r.Trailer = http.Header{"X-A": {"1"}} }),
		by("asking first", echoes, some, func(r *http.Request) { r.Header.Set("Expect", "100-continue") }),
		by("early hints", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "page")
		}, none, nil),
		by("close", echoes, some, func(r *http.Request) { r.Close = true }),
		by("a body not read", says("x"), some, nil),
		by("an aborted reply", func(k *run, w http.ResponseWriter, r *http.Request) {
			flushing([]string{"Content-Length", "100"}, "part")(k, w, r)
			panic(http.ErrAbortHandler)
		}, none, nil),
		{
			name: "http.Client: cancelled", do: untilDone, blocks: true,
			script: func(k *run) {
				ctx, cancel := context.WithCancel(k.ctx)
				go func() {
					k.await("running")
					cancel()
				}()
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, k.scheme()+"://example.com/", nil)
				resp, err := k.client(untilDone).Do(r)
				if err == nil {
					_ = resp.Body.Close()
				}
				k.settle()
				k.note("%v", errors.Is(err, context.Canceled))
			},
			notes: []string{"context canceled", "true"},
		},
	}
}

func webSocketCases() []contractCase {
	serve := func(k *run, w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}})
		if err != nil {
			k.note("accept: %v", err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(1 << 21)
		for {
			kind, message, err := c.Read(k.ctx)
			if err != nil {
				k.note("server: %v", websocket.CloseStatus(err))
				return
			}
			if err := c.Write(k.ctx, kind, message); err != nil {
				k.note("write: %v", err)
				return
			}
		}
	}
	talk := func(messages ...string) func(k *run) {
		return func(k *run) {
			u := url.URL{Scheme: k.scheme(), Host: "example.com"}
			c, resp, err := websocket.Dial(k.ctx, u.String(), &websocket.DialOptions{HTTPClient: k.client(serve), Subprotocols: []string{"echo"}})
			if err != nil {
				k.fault("dial: %v", err)
				return
			}
			c.SetReadLimit(1 << 21)
			k.note("%s %s %s", resp.Status, resp.Header.Get("Upgrade"), c.Subprotocol())
			for _, m := range messages {
				if err := c.Write(k.ctx, websocket.MessageText, []byte(m)); err != nil {
					k.fault("write: %v", err)
				}
				_, got, err := c.Read(k.ctx)
				if err != nil || string(got) != m {
					k.fault("read %d bytes, %v", len(got), err)
				}
			}
			k.note("close: %v", c.Close(websocket.StatusNormalClosure, "bye"))
			k.settle()
		}
	}
	notes := []string{"101 Switching Protocols websocket echo", "server: StatusNormalClosure", "close: <nil>"}
	sorted := func(f func(k *run)) func(k *run) {
		return func(k *run) {
			f(k)
			k.mu.Lock()
			defer k.mu.Unlock()
			slices.SortFunc(k.notes[1:], func(a, b string) int { return strings.Compare(b, a) })
		}
	}
	return []contractCase{
		{name: "coder/websocket", blocks: true, do: serve, script: sorted(talk("one", "two", "")), notes: notes},
		{name: "coder/websocket: large messages", blocks: true, do: serve, script: sorted(talk(strings.Repeat("m", 1<<20), "small")), notes: notes},
		{name: "coder/websocket: not an upgrade", do: serve, send: ask("GET /") + last},
	}
}

// proxyCases put httputil.ReverseProxy on the server, and its back end, too.
func proxyCases() []contractCase {
	anyway := []allowance{anyChunks}
	through := func(name, send string, back func(*run, http.ResponseWriter, *http.Request)) contractCase {
		return contractCase{name: name, blocks: true, allow: anyway, send: send, do: proxy(back)}
	}
	return []contractCase{
		through("GET", ask("GET /a?b=1", "X-A: 1")+last, func(_ *run, w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s %s %q %q", r.Method, r.URL, r.Host, r.Header["X-A"], r.Header["X-Forwarded-For"])
		}),
		through("POST", ask("POST /a", "Content-Length: 4")+"body"+last, echoes),
		through("chunked POST", chunks("one", "two")+last, echoes),
		through("HEAD", ask("HEAD /a")+last, writes(0, []string{"Content-Length", "12345"})),
		through("a large reply", ask("GET /a")+last, says(strings.Repeat("large", 100_000))),
		through("a flushed reply", ask("GET /a")+last, flushing(nil, "one", "two", "three")),
		through("trailers", ask("GET /a")+last, func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "1")
		}),
		through("early hints", ask("GET /a")+last, func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "page")
		}),
		through("an aborted reply", ask("GET /a")+last, func(k *run, w http.ResponseWriter, r *http.Request) {
			flushing([]string{"Content-Length", "100"}, "part")(k, w, r)
			panic(http.ErrAbortHandler)
		}),
		through("hop-by-hop fields", ask("GET /a", "Connection: X-Hop", "X-Hop: 1", "Te: trailers", "Keep-Alive: 1")+last, func(_ *run, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "X-Back")
			w.Header().Set("X-Back", "1")
			fmt.Fprintf(w, "%q %q %q", r.Header["X-Hop"], r.Header["Te"], r.Header["Keep-Alive"])
		}),
		{
			name: "an upgrade", blocks: true,
			do: proxy(func(k *run, w http.ResponseWriter, r *http.Request) {
				c, rw, err := w.(http.Hijacker).Hijack()
				if err != nil {
					k.fault("%v", err)
					return
				}
				_, _ = io.WriteString(c, switching)
				echo(k, c, rw)
			}),
			script: func(k *run) {
				k.send(ask("GET /", "Connection: Upgrade", "Upgrade: echo"))
				k.until("\r\n\r\n")
				k.send("one\n")
				k.until("echo one\n")
				k.send("bye\n")
				k.end()
			},
		},
		{
			name: "the client leaves", blocks: true, do: proxy(untilDone),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("running")
				k.close()
				k.settle()
			},
			notes: []string{"context canceled"},
		},
	}
}

// proxy passes requests on to back, over a connection to the same server.
func proxy(back func(*run, http.ResponseWriter, *http.Request)) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, r *http.Request) {
		p := &httputil.ReverseProxy{
			Transport: k.client(back).Transport,
			ErrorLog:  log.New(io.Discard, "", 0),
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: k.scheme(), Host: "example.com"})
				p.SetXForwarded()
				if p.Out.Header.Get("X-Forwarded-For") == "127.0.0.1" {
					p.Out.Header.Set("X-Forwarded-For", "the client")
				}
			},
		}
		p.ServeHTTP(w, r)
	}
}
