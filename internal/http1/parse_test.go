package http1_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/http1"
	"github.com/google/go-cmp/cmp"
)

func TestRequestsMeanWhatTheyMeanToNetHTTP(t *testing.T) {
	t.Parallel()
	targets := []string{
		"/", "/a/b", "/a?b=c", "/a?", "/a??", "/?", "/a%2fb", "/a%20b", "/%C3%A4", "//a/b", "///", "/a:b", "/a;b,c=d", "/a@b",
		"/!'()*", "/a#b", "/a?b#c", "/a|b", "/a\"<>^`{}\\", "/a?%zz", "/%41", "/a+b", "/~a/./../b", "http://b", "http://b?x",
		"http://b/", "https://b:443/x?y", "HTTP://B/x", "http://[::1]:8/%2f", "http://b:/", "/a?b?c", "/a[b]", "/$&+", "/a//b",
	}
	for _, target := range targets {
		head := "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"
		out := feedAll(t, []byte(head))
		if !out.Done {
			t.Errorf("%s: %v", target, out.Err)
			continue
		}
		agree(t, []byte(head), out)
	}
	for _, c := range []struct{ line, fields string }{
		{"OPTIONS * HTTP/1.1", ""},
		{"CONNECT b:443 HTTP/1.1", ""},
		{"CONNECT [::1]:443 HTTP/1.1", ""},
		{"CONNECT /rpc HTTP/1.0", ""},
		{"M-SEARCH /x HTTP/1.1", ""},
		{"GET / HTTP/1.0", "Connection: keep-alive"},
		{"GET / HTTP/1.0", "Connection: Keep-Alive, close"},
		{"GET / HTTP/1.0", "Connection: keep-alivex"},
		{"GET / HTTP/1.1", "Connection: a , CLOSE\r\nConnection: b"},
		{"GET / HTTP/1.1", "Connection: a\r\nConnection: close"},
		{"GET / HTTP/1.1", "Connection: close b"},
		{"GET / HTTP/1.1", "Connection: ,,"},
		{"GET / HTTP/1.1", "Pragma: no-cache"},
		{"GET / HTTP/1.1", "Pragma: no-cache\r\nCache-Control: x"},
		{"GET / HTTP/1.1", "Pragma: x\r\nPragma: no-cache"},
		{"GET / HTTP/1.1", "Trailer: A"},
		{"GET / HTTP/1.1", "Content-Length: 0"},
		{"GET / HTTP/1.1", "Empty:\r\nBlank: \t \r\nInner: a \t b \r\nObs: \xff\xe4"},
		{"GET / HTTP/1.1", "x-a: 1\r\nX-A: 2\r\nx-A: 3\r\nX-B: 4"},
		{"GET / HTTP/1.1", "1a-2b_c-D: 1\r\n!#$%&'*+-.^_`|~: 2\r\n-a--b-: 3"},
		{"GET / HTTP/1.1", "a-name-that-is-longer-than-any-of-the-common-ones: 1"},
	} {
		head := c.line + "\r\nHost: a:1\r\n" + c.fields + "\r\n\r\n"
		if c.fields == "" {
			head = c.line + "\r\nHost: a:1\r\n\r\n"
		}
		out := feedAll(t, []byte(head))
		if !out.Done {
			t.Errorf("%q: %v", head, out.Err)
			continue
		}
		agree(t, []byte(head), out)
	}
}

func TestHostsOfEveryForm(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"": true, "a": true, "a.b-c_d~e": true, "a:": true, "a:80": true, "a:065": true, "a:65535": true, "[::1]": true,
		"[::1]:80": true, "127.0.0.1:8080": true, "A.B.": true, "xn--nxa": true, "*": true,
		"a:65536": false, ":80": false, "a:-1": false, "a:+1": false, "a: 1": false, "a b": false, "[::1": false, "::1": false,
		"[127.0.0.1]": false, "[fe80::1%25eth0]": false, "[fe80::1%eth0]": false, "[]": false, "[::1]80": false, "a,b": true,
		"a\tb": false, "a%": false, "a\"": false, "a<b>": false, "a|b": false, "a^": false, "a`": false, "{a}": false, "a\xff": false,
	} {
		err := http1.Parse("GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", new(http1.Request), nil, http1.Limits{})
		if (err == nil) != ok {
			t.Errorf("Host %q: %v", host, err)
		} else if err != nil && err.Kind != "bad_host" {
			t.Errorf("Host %q: %v", host, err)
		}
	}
}

func TestExpectIsForBodiesInHTTP11(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]bool{
		"Expect: 100-continue\r\nContent-Length: 3\r\n":                         true,
		"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n":                true,
		"expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n": true,
		"Expect: 100-continue\r\nContent-Length: 0\r\n":                         false,
		"Expect: 100-continue\r\n":                                              false,
		"Expect:\r\nContent-Length: 3\r\n":                                      false,
	} {
		r := parse(t, "POST / HTTP/1.1\r\nHost: a\r\n"+fields+"\r\n")
		if r.Expect != want {
			t.Errorf("%q: %v", fields, r.Expect)
		}
	}
	r := parse(t, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	assert.True(t, !r.Expect, "HTTP/1.0 knows no interim responses")
}

func TestAnnouncedTrailersLeaveTheHeader(t *testing.T) {
	t.Parallel()
	r := parse(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: a, ,B\r\nTrailer: x-c\r\n\r\n")
	if d := cmp.Diff(http.Header{"A": nil, "B": nil, "X-C": nil}, r.Trailer); d != "" {
		t.Error(d)
	}
	assert.Equal(t, len(r.Header), 0)
}

func TestValuesDoNotRunIntoOneAnother(t *testing.T) {
	t.Parallel()
	head := "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"
	for room := range 8 {
		var r http1.Request
		if err := http1.Parse(head, &r, make([]string, 0, room), http1.Limits{}); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"A", "B", "C", "D", "E"} {
			r.Header.Add(k, "more")
		}
		want := http.Header{"A": {"1", "more"}, "B": {"2", "more"}, "C": {"3", "more"}, "D": {"4", "more"}, "E": {"5", "more"}}
		if d := cmp.Diff(want, r.Header); d != "" {
			t.Errorf("room for %d:\n%s", room, d)
		}
	}
}

// commonNames are those whose canonical form costs no allocation.
func commonNames() []string {
	return strings.Fields(`Accept Accept-Charset Accept-Encoding Accept-Language Authorization Cache-Control Connection
		Content-Encoding Content-Type Cookie Dnt Expect Forwarded If-Match If-Modified-Since If-None-Match
		Origin Pragma Priority Range Referer Sec-Ch-Ua Sec-Ch-Ua-Mobile Sec-Ch-Ua-Platform Sec-Fetch-Dest Sec-Fetch-Mode
		Sec-Fetch-Site Sec-Fetch-User Sec-Websocket-Extensions Sec-Websocket-Key Sec-Websocket-Protocol Sec-Websocket-Version
		Te Traceparent Tracestate Trailer Upgrade Upgrade-Insecure-Requests User-Agent Via X-Csrf-Token
		X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Real-Ip X-Request-Id X-Requested-With`)
}

func TestCommonNamesInAnyCaseAreCanonicalAndKeepAllValues(t *testing.T) {
	t.Parallel()
	for _, name := range commonNames() {
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			head := "GET / HTTP/1.1\r\nHost: a\r\n" + n + ": 100-continue\r\n" + n + ": 100-continue\r\n\r\n"
			r := parse(t, head)
			if d := cmp.Diff(http.Header{name: {"100-continue", "100-continue"}}, r.Header); d != "" {
				t.Errorf("%s:\n%s", n, d)
			}
		}
	}
}

func TestParseAllocatesLittle(t *testing.T) { // not parallel: AllocsPerRun counts all goroutines'
	var lower strings.Builder
	for _, name := range commonNames()[:7] {
		lower.WriteString(strings.ToLower(name) + ": x\r\n")
	}
	for head, most := range map[string]float64{
		plainHead:   2, // the map and its group
		browserHead: 4, // a map of more than eight names
		"GET / HTTP/1.1\r\nhost: a\r\n" + lower.String() + "\r\n": 2,
	} {
		var r http1.Request
		room := make([]string, 0, 12)
		got := testing.AllocsPerRun(100, func() {
			if err := http1.Parse(head, &r, room, http1.Limits{}); err != nil {
				t.Fatal(err)
			}
		})
		if got > most {
			t.Errorf("%d bytes: %v allocations, want at most %v", len(head), got, most)
		}
	}
}

func parse(t *testing.T, head string) http1.Request {
	t.Helper()
	var r http1.Request
	if err := http1.Parse(head, &r, nil, http1.Limits{}); err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return r
}
