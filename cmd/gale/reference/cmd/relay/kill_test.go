package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

func TestKillOnSQLite(t *testing.T) {
	t.Parallel()
	testKill(t, "sqlite:"+t.TempDir()+"/relay.db")
}

func TestKillOnPostgres(t *testing.T) {
	t.Parallel()
	testKill(t, postgresSchema(t))
}

// postgresSchema returns the URL of an empty schema.
func postgresSchema(t *testing.T) string {
	address, err := url.Parse(galetest.Require(t, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), address.String(), db.Options{Drivers: database.Drivers()})
	if err != nil {
		t.Fatal(err)
	}
	schema := "kill_" + strings.ToLower(rand.Text())
	if _, err := d.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := d.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = d.Close()
	})
	query := address.Query()
	query.Set("search_path", schema)
	query.Set("synchronous_commit", "off") // it is not Postgres that is killed
	address.RawQuery = query.Encode()
	return address.String()
}

// flood is many senders, and what they know of the packets they sent.
type flood struct {
	t   *testing.T
	key string // as a header

	answers atomic.Int64
	mu      sync.Mutex
	acked   map[string]bool // client ids that were answered with success
	open    []shipment      // sent, and not answered
}

// shipment is one request and the client ids in it.
type shipment struct {
	ids               []string
	contentType, body string
}

// pack makes a shipment: one packet, an array or a stream.
func pack(kind int) shipment {
	var s shipment
	var packets []string
	for range []int{1, 7, 150}[kind] {
		id := rand.Text()
		s.ids = append(s.ids, id)
		packets = append(packets, fmt.Sprintf(`{"kind":"k","payload":{"n":%d},"client_id":%q}`, len(packets), id))
	}
	switch kind {
	case 0:
		s.contentType, s.body = "application/json", packets[0]
	case 1:
		s.contentType, s.body = "application/json", "["+strings.Join(packets, ",")+"]"
	case 2:
		s.contentType, s.body = "application/x-ndjson", strings.Join(packets, "\n")
	}
	return s
}

// send reports whether there was an answer.
func (f *flood) send(p *process, s shipment) bool {
	status, _, text, err := p.do(http.MethodPost, "/api/v1/channels/open/packets", s.contentType, f.key, s.body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.open = append(f.open, s)
		return false
	}
	if status != http.StatusOK && status != http.StatusCreated {
		f.t.Errorf("an answer is %d: %s", status, text)
	}
	for _, id := range s.ids {
		f.acked[id] = true
	}
	return true
}

// testKill kills the server in the middle of a flood, three times. What was
// answered must be there; what was not is sent again, and in the end all of it
// is there exactly once.
func testKill(t *testing.T, databaseURL string) {
	keys := keysFor(t)
	p := start(t, databaseURL, keys)
	f := &flood{t: t, key: furnish(p), acked: map[string]bool{}}
	for round := range 3 {
		last := f.answers.Load() + int64(50+mathrand.IntN(200))
		var senders sync.WaitGroup
		for i := range 12 {
			senders.Go(func() {
				for f.send(p, pack(i%3)) {
					if f.answers.Add(1) == last {
						p.kill()
						return
					}
				}
			})
		}
		senders.Wait()
		p = start(t, databaseURL, keys)
		f.verify(p)
		lost := f.open
		f.open = nil
		for _, s := range lost {
			if !f.send(p, s) {
				t.Fatal("the server that was started again does not answer")
			}
		}
		f.verify(p)
		t.Logf("round %d: %d requests were answered, %d were not", round+1, f.answers.Load(), len(lost))
	}
}

// verify fails unless every acknowledged packet is stored exactly once, and
// nothing that was never sent.
func (f *flood) verify(p *process) {
	f.t.Helper()
	_, text := p.must(http.StatusOK, http.MethodGet, "/api/v1/channels/open/packets.ndjson", "", f.key, "")
	times := map[string]int{}
	lines, lastID := bufio.NewScanner(strings.NewReader(text)), int64(0)
	for lines.Scan() {
		var packet struct {
			ID       int64  `json:"id"`
			ClientID string `json:"client_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &packet); err != nil {
			f.t.Fatal(err)
		}
		if packet.ID <= lastID {
			f.t.Fatalf("packet %d comes after %d", packet.ID, lastID)
		}
		lastID = packet.ID
		times[packet.ClientID]++
	}
	for id := range f.acked {
		if times[id] != 1 {
			f.t.Errorf("%s was acknowledged and is there %d times", id, times[id])
		}
		delete(times, id)
	}
	for _, s := range f.open {
		for _, id := range s.ids {
			if times[id] > 1 {
				f.t.Errorf("%s was sent once and is there %d times", id, times[id])
			}
			delete(times, id)
		}
	}
	if len(times) > 0 {
		f.t.Errorf("%d packets are there that nobody sent", len(times))
	}
}

// furnish makes an account, a channel and a key, which it returns as a header.
func furnish(p *process) string {
	p.t.Helper()
	post := func(status int, path, cookie, body string) (http.Header, string) {
		return p.must(status, http.MethodPost, path, "application/x-www-form-urlencoded", cookie, body)
	}
	cookie := sessionCookie(p.first())
	post(http.StatusSeeOther, "/channels", cookie, "name=open&title=Open&public=true")
	_, page := post(http.StatusCreated, "/profile/keys", cookie, "name=probe&scopes=packets.read&scopes=packets.send&life=never")
	return "Authorization: Bearer " + regexp.MustCompile(`pkt_[A-Za-z0-9_]{40,}`).FindString(page)
}

// sessionCookie returns, as a header, the cookie that an answer sets.
func sessionCookie(header http.Header) string {
	for _, c := range (&http.Response{Header: header}).Cookies() {
		if c.Name == "__Host-session" {
			return "Cookie: " + c.Name + "=" + c.Value
		}
	}
	return ""
}
