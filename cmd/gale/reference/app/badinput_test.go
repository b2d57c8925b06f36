package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// object is a JSON object of size bytes.
func object(size int) string { return `{"x":"` + strings.Repeat("x", size-8) + `"}` }

// One packet after another with something wrong: a 4xx that says what and
// where, and nothing stored.
func TestBadPackets(t *testing.T) {
	const good = `{"kind":"k","payload":{}}`
	many := "[" + strings.Repeat(good+",", models.MaxBatch) + good + "]"
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		for _, bad := range []struct {
			body   string
			status int
			says   []string // parts of the problem
		}{
			// Not JSON, or not all of it.
			{``, 400, []string{"required"}},
			{` `, 400, []string{"syntax"}},
			{`{`, 400, []string{"syntax", "ends too early"}},
			{`{"kind":"k","payload":{}`, 400, []string{"syntax", "ends too early"}},
			{`{"kind":"k","payload":{}}}`, 400, []string{"syntax", "column 26"}},
			{good + good, 400, []string{"syntax"}},
			{`{"kind":"k" "payload":{}}`, 400, []string{"syntax", "column 13"}},
			{`{'kind':'k'}`, 400, []string{"syntax"}},
			{`{"kind":"k","payload":{"n":NaN}}`, 400, []string{"syntax"}},
			{`{"kind":"k","payload":{"n":01}}`, 400, []string{"syntax"}},
			{"{\"kind\":\"k\",\"payload\":{\"a\":\"\t\"}}", 400, []string{"syntax"}},
			{"\xef\xbb\xbf" + good, 400, []string{"syntax"}}, // a byte order mark
			{"\x00", 400, []string{"syntax"}},
			// Not UTF-8.
			{"{\"kind\":\"k\",\"payload\":{\"a\":\"\xff\"}}", 400, []string{"syntax", "UTF-8"}},
			{"{\"kind\":\"\xc3\x28\",\"payload\":{}}", 400, []string{"UTF-8"}},
			{`{"kind":"k","payload":{"a":"\ud800"}}`, 400, []string{"syntax"}},
			// Too deep.
			{strings.Repeat("[", 100_000), 400, []string{"depth", "column 65"}},
			{strings.Repeat(`{"a":`, 100_000), 400, []string{"depth"}},
			{`{"kind":"k","payload":` + strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64) + `}`, 400, []string{"depth"}},
			// A name twice.
			{`{"kind":"k","kind":"l","payload":{}}`, 400, []string{"duplicate", `"/kind"`}},
			{`{"kind":"k","payload":{"a":1,"a":2}}`, 400, []string{"duplicate", `"/payload/a"`}},
			{`[` + good + `,{"kind":"k","payload":{"b":{"a":1,"a":2}}}]`, 400, []string{"duplicate", `"/1/payload/b/a"`}},
			// Of the wrong type.
			{`{"kind":7,"payload":{}}`, 400, []string{`"/kind"`, "must be a string, not a number"}},
			{`{"kind":["k"],"payload":{}}`, 400, []string{`"/kind"`, "not an array"}},
			{`{"kind":"k","payload":{},"client_id":5}`, 400, []string{`"/client_id"`, "not a number"}},
			{`"packet"`, 400, []string{"type", "must be an object"}},
			{`7`, 400, []string{"type"}},
			{`[7]`, 400, []string{`"/0"`, "must be an object"}},
			{`[[` + good + `]]`, 400, []string{`"/0"`, "must be an object"}},
			{`[` + good + `,{"kind":true,"payload":{}},{"kind":"k","payload":{},"client_id":{}}]`, 400, []string{`"/1/kind"`, `"/2/client_id"`}},
			{`{"kind":"k","payload":{},"nonsense":1}`, 400, []string{"unknown", `"/nonsense"`}},
			{`{"Kind":"k","payload":{}}`, 400, []string{"unknown", `"/Kind"`, "kind"}},
			// Well formed, but no packet.
			{`null`, 422, []string{`"/kind"`, `"/payload"`, "required"}},
			{`{}`, 422, []string{`"/kind"`, `"/payload"`, "required"}},
			{`{"kind":"k"}`, 422, []string{`"/payload"`, "required"}},
			{`{"kind":"k","payload":null}`, 422, []string{`"/payload"`, "must be a JSON object"}},
			{`{"kind":"k","payload":[]}`, 422, []string{`"/payload"`, "must be a JSON object"}},
			{`{"kind":"k","payload":"{}"}`, 422, []string{`"/payload"`, "must be a JSON object"}},
			{`{"kind":"k","payload":1}`, 422, []string{`"/payload"`, "must be a JSON object"}},
			{`{"kind":"a b","payload":{}}`, 422, []string{`"/kind"`, "pattern"}},
			{`{"kind":"` + strings.Repeat("k", 65) + `","payload":{}}`, 422, []string{`"/kind"`, "64 bytes"}},
			{`{"kind":"k","payload":{},"client_id":"\u0000"}`, 422, []string{`"/client_id"`, "pattern"}},
			{`{"kind":"k","payload":{},"client_id":"` + strings.Repeat("i", 129) + `"}`, 422, []string{`"/client_id"`, "128 bytes"}},
			{`{"kind":"k","payload":` + object(models.MaxPayload+1) + `}`, 422, []string{`"/payload"`, "65536 bytes"}},
			// One of an array: none is stored.
			{`[` + good + `,{}]`, 422, []string{`"/1/kind"`, `"/1/payload"`, "Nothing was stored"}},
			{`[null]`, 422, []string{`"/0/kind"`}},
			{`[` + good + `,{"kind":"k","payload":` + object(models.MaxPayload+1) + `}]`, 422, []string{`"/1/payload"`}},
			{many, 422, []string{"at most 1000 packets"}},
			{`[` + strings.Repeat("{},", 200_000) + `{}]`, 422, []string{"at most 1000 packets"}},
			{`[` + strings.Repeat("{},", 999) + `{}]`, 422, []string{`"/0/kind"`}},
			{strings.Repeat(" ", 10<<20) + good, 413, []string{"too_large"}},
		} {
			r := c.NewRequest(http.MethodPost, "/api/v1/channels/open/packets", strings.NewReader(bad.body))
			r.Header.Set("Content-Type", "application/json")
			answer := c.Do(r)
			name := bad.body[:min(len(bad.body), 60)]
			if answer.Raw.StatusCode != bad.status {
				t.Errorf("%s: %d, want %d: %s", name, answer.Raw.StatusCode, bad.status, answer.Text()[:min(len(answer.Text()), 400)])
				continue
			}
			answer.Problem("")
			for _, says := range bad.says {
				if !strings.Contains(answer.Text(), says) {
					t.Errorf("%s: does not say %s: %s", name, says, answer.Text()[:min(len(answer.Text()), 400)])
				}
			}
		}
		assert.Equal(t, len(stored(c, "open")), 0)
	})
}

func TestGoodPackets(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		const path = "/api/v1/channels/open/packets"
		post := func(body string, status int) string {
			return strings.TrimSpace(c.Post(path, body).Status(status).Text())
		}
		assert.Equal(t, post(`{"kind":"k","payload":{"a":[1,2.50,"\u0000",12345678901234567890]},"client_id":"1"}`, 201), `{"id":1}`)
		assert.Equal(t, post(`{"kind":"k","payload":{},"client_id":"1"}`, 200), `{"id":1,"duplicate":true}`)
		assert.Equal(t, post(`{"kind":"k","payload":`+object(models.MaxPayload)+`}`, 201), `{"id":3}`)
		assert.Equal(t, post(`[]`, 201), `{"stored":0,"duplicates":0}`)
		assert.Equal(t, post("[{\"kind\":\"k\",\"payload\":{\n \"a\": 1\n}}, {\"kind\":\"k\",\"payload\":{},\"client_id\":\"1\"}]", 201), `{"stored":1,"duplicates":1,"ids":[4,1]}`)
		many := "[" + strings.Repeat(`{"kind":"k","payload":{}},`, models.MaxBatch-1) + `{"kind":"k","payload":{}}]`
		if !strings.HasPrefix(post(many, 201), `{"stored":1000,"duplicates":0,"ids":[6,7,`) {
			t.Error("1,000 packets in an array are not taken")
		}
		export := c.Get("/api/v1/channels/open/packets.ndjson").Status(http.StatusOK).HasHeader("Content-Type", "application/x-ndjson").Text()
		lines := strings.Split(strings.TrimSuffix(export, "\n"), "\n")
		assert.Equal(t, len(lines), 1003) // a payload with line breaks is one line
		if !strings.Contains(lines[0], `{"a":[1,2.50,"\u0000",12345678901234567890]}`) {
			t.Errorf("the payload is not what was sent: %s", lines[0])
		}
		assert.Equal(t, len(stored(c, "open")), 1003)
		for _, contentType := range []string{"application/json; charset=UTF-8", "application/vnd.relay+json"} {
			c.With("Content-Type", contentType).Post(path, `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		}
	})
}

func TestWrongContentType(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/x-ndjson; charset=latin1", "multipart/form-data", "nonsense; ;", "application/xml"} {
			r := c.NewRequest(http.MethodPost, "/api/v1/channels/open/packets", strings.NewReader(`{"kind":"k","payload":{}}`))
			r.Header.Set("Content-Type", contentType)
			if answer := c.Do(r); answer.Raw.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("%q: %d %s", contentType, answer.Raw.StatusCode, answer.Text())
			}
		}
		assert.Equal(t, len(stored(c, "open")), 0)
	})
}

func TestUnknownChannel(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		for _, name := range []string{"none", "Open", "%00", "%ff", "..%2fopen", "open%20", strings.Repeat("x", 1000), "';--"} {
			c.Post("/api/v1/channels/"+name+"/packets", `{"kind":"k","payload":{}}`).Status(http.StatusNotFound).Problem("")
			c.Do(ndjson(c, name, lineOf("", 1))).Status(http.StatusNotFound).Problem("").HasHeader("Relay-Stored", "")
			for _, path := range []string{"packets", "packets.ndjson", "rate"} {
				status := http.StatusNotFound
				if strings.HasPrefix(name, "%") && path != "packets.ndjson" {
					status = http.StatusBadRequest // no text at all
				}
				c.Get("/api/v1/channels/" + name + "/" + path).Status(status).Problem("")
			}
			s.signIn("ada").Get("/channels/" + name).Status(http.StatusNotFound).Contains("Nothing here")
		}
	})
}

// Whoever may not see a private channel cannot tell it from none.
func TestPrivateChannelIsInvisible(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		for _, path := range []string{"/channels/%s", "/api/v1/channels/%s/packets", "/api/v1/channels/%s/packets.ndjson", "/api/v1/channels/%s/rate"} {
			visitor := s.Stranger().With("X-Request-Id", "same")
			closed := visitor.Get(fmt.Sprintf(path, "closed")).Status(http.StatusNotFound)
			none := visitor.Get(fmt.Sprintf(path, "never0")).Status(http.StatusNotFound)
			id := func(h http.Header) string { return h.Get("X-Request-Id") }
			assert.Equal(t, strings.ReplaceAll(closed.Text(), id(closed.Raw.Header), ""), strings.ReplaceAll(none.Text(), id(none.Raw.Header), ""))
			closed.Raw.Header.Del("X-Request-Id")
			none.Raw.Header.Del("X-Request-Id")
			for _, h := range []http.Header{closed.Raw.Header, none.Raw.Header} {
				h.Del("Date")
				h.Del("Content-Security-Policy") // a nonce
			}
			assert.Equal(t, closed.Raw.Header, none.Raw.Header)
		}
		for _, path := range []string{"/", "/api/v1/channels"} {
			if strings.Contains(s.Stranger().Get(path).Status(http.StatusOK).Text(), "closed") {
				t.Errorf("%s shows the private channel", path)
			}
		}
	})
}

func TestBadQueries(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		c.Post("/api/v1/channels/open/packets", `[`+strings.Repeat(`{"kind":"k","payload":{}},`, 3)+`{"kind":"k","payload":{}}]`).Status(http.StatusCreated)
		var channels page[struct{ Name string }]
		c.Get("/api/v1/channels?limit=1").Status(http.StatusOK).JSON(&channels)
		var packets page[packet]
		c.Get("/api/v1/channels/open/packets?limit=1").Status(http.StatusOK).JSON(&packets)
		for query, status := range map[string]int{
			"limit=0":                             422,
			"limit=1001":                          422,
			"limit=-1":                            422,
			"limit=x":                             400,
			"limit=1&limit=2":                     400,
			"limit=99999999999999999":             422,
			"limit=999999999999999999999":         400,
			"after=-1":                            422,
			"after=x":                             400,
			"since=yesterday":                     400,
			"since=2026-13-01T00:00:00Z":          400,
			"until=1":                             400,
			"kind=%00":                            400,
			"kind=%ff":                            400,
			"sender=%00":                          400,
			"kind=" + strings.Repeat("k", 65):     422,
			"kind=%zz":                            400,
			"unknown=1":                           400,
			"cursor=x":                            400,
			"cursor=%00":                          400,
			"cursor=" + strings.Repeat("A", 5000): 400,
			"cursor=" + channels.Next:             400, // of another list
			"after=1&cursor=" + packets.Next:      400, // of the other direction
		} {
			if r := c.Get("/api/v1/channels/open/packets?" + query); r.Raw.StatusCode != status {
				t.Errorf("packets?%.60s: %d, want %d: %s", query, r.Raw.StatusCode, status, r.Text())
			} else {
				r.Problem("")
			}
		}
		c.Get("/api/v1/channels/open/packets?cursor=x").Status(400).Problem("bad_cursor")
		c.Get("/api/v1/channels?cursor=x").Status(400).Problem("bad_cursor")
		c.Get("/api/v1/channels?cursor=" + packets.Next).Status(400).Problem("bad_cursor")
		for query, status := range map[string]int{
			"since=yesterday": 400, "until=1": 400, "kind=%00": 400, "sender=%ff": 400, "kind=%zz": 400, "after=-1": 400, "after=x": 400,
			"limit=5": 400, "kind=a&kind=b": 400, "sender=" + strings.Repeat("k", 101): 400, "since=": 200, "kind=": 200, "after=2": 200,
		} {
			if r := c.Get("/api/v1/channels/open/packets.ndjson?" + query); r.Raw.StatusCode != status {
				t.Errorf("export?%.60s: %d, want %d: %s", query, r.Raw.StatusCode, status, r.Text())
			}
		}
		browser := s.signIn("ada")
		for path, status := range map[string]int{
			"/channels/open?before=x": 400, "/channels/open?before=0": 400, "/channels/open?before=-1": 400, "/channels/open?before=99999999999999999999": 400,
			"/channels/open?kind=%00": 200, "/channels/open?sender=%ff": 200, "/?after=%00": 200, "/?after=%ff": 200, "/admin/users?after=%00": 200, "/admin/users?after=%ff": 200,
			"/sign-in?next=%00": 200,
		} {
			if r := browser.Get(path); r.Raw.StatusCode != status {
				t.Errorf("%s: %d, want %d", path, r.Raw.StatusCode, status)
			}
		}
	})
}

func TestList(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		for i := range 7 {
			c.Post("/api/v1/channels/open/packets", `{"kind":"k`+strconv.Itoa(i%2)+`","payload":{"i":`+strconv.Itoa(i)+`}}`).Status(http.StatusCreated)
		}
		walk := func(query string) (ids []int64) {
			for {
				var p page[packet]
				c.Get("/api/v1/channels/open/packets?" + query).Status(http.StatusOK).JSON(&p)
				for _, packet := range p.Items {
					ids = append(ids, packet.ID)
				}
				if p.Next == "" {
					return ids
				}
				if at := strings.Index(query, "&cursor="); at >= 0 {
					query = query[:at]
				}
				query += "&cursor=" + p.Next
			}
		}
		assert.Equal(t, walk("limit=3"), []int64{7, 6, 5, 4, 3, 2, 1})
		assert.Equal(t, walk("limit=3&after=0"), []int64{1, 2, 3, 4, 5, 6, 7})
		assert.Equal(t, walk("limit=2&after=4"), []int64{5, 6, 7})
		assert.Equal(t, walk("limit=2&kind=k0"), []int64{7, 5, 3, 1})
		assert.Equal(t, walk("limit=2&kind=k1&after=0"), []int64{2, 4, 6})
		assert.Equal(t, walk("sender=ada/probe&limit=1000"), []int64{7, 6, 5, 4, 3, 2, 1})
		assert.Equal(t, walk("sender=bob"), nil)
		assert.Equal(t, strings.TrimSpace(c.Get("/api/v1/channels/open/packets?kind=none").Status(200).Text()), `{"items":[]}`)
		at := s.clock.Now().Format("2006-01-02T15:04:05.999999Z07:00")
		assert.Equal(t, len(walk("since="+at)), 7)
		assert.Equal(t, len(walk("until="+at)), 0)
		browser := s.signIn("ada")
		browser.Get("/channels/open").Status(http.StatusOK).Contains(`data-last="7"`).Contains("ada/probe")
		browser.Get("/channels/open?kind=k1&before=5").Status(http.StatusOK).Contains(`data-id="4"`)
		var rate struct{ Counts []int }
		c.Get("/api/v1/channels/open/rate").Status(http.StatusOK).JSON(&rate)
		assert.Equal(t, []int{len(rate.Counts), rate.Counts[119], rate.Counts[118]}, []int{120, 7, 0})
		assert.Equal(t, c.Do(c.NewRequest(http.MethodHead, "/api/v1/channels/open/packets.ndjson", nil)).Status(http.StatusOK).Text(), "")
	})
}
