package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/bench/internal/pick"
)

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-peers", "nethttp,gale", "-works", "json", "-rounds", "7", "-time", "2s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := pick.IDs(o.bench.peers, func(p peer) string { return p.id }); got != "gale,nethttp" {
		t.Errorf("peers %s", got)
	}
	if len(o.bench.works) != 1 || o.bench.works[0].id != "json" || o.bench.rounds != 7 || o.bench.measured != 2*time.Second {
		t.Errorf("got %+v", o.bench)
	}
	for args, want := range map[string]string{"-quick": quickPeers, "-profile": judged, "-quick -peers nbio": "nbio"} {
		o, err := parse(strings.Fields(args), io.Discard)
		if got := pick.IDs(o.bench.peers, func(p peer) string { return p.id }); got != want || err != nil {
			t.Errorf("%s: peers %s, %v; want %s", args, got, err, want)
		}
	}
	if o, err := parse(nil, io.Discard); err != nil || len(o.bench.peers) != len(peers()) || len(o.bench.works) != len(works()) || o.bench.rounds < 5 {
		t.Errorf("without flags: %+v, %v", o.bench, err)
	}
	for _, bad := range []string{"-peers iris", "-peers gale,gale", "-works x", "-rounds 0", "-time 0s", "-profile-time 0s", "-what"} {
		if _, err := parse(strings.Fields(bad), io.Discard); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// A work that is misspelt in peers would be left out of the tables unseen.
func TestPeersAndGoalsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, w := range works() {
		if known[w.id] {
			t.Errorf("two works %s", w.id)
		}
		known[w.id] = true
	}
	seen, done := map[string]bool{}, map[string]bool{}
	for _, p := range peers() {
		if seen[p.id] || p.name == "" || p.program == "" {
			t.Errorf("peer %+v", p)
		}
		seen[p.id] = true
		for _, id := range p.works {
			if !known[id] {
				t.Errorf("%s does %s, which is no work", p.id, id)
			}
			done[p.id+" "+id] = true
		}
	}
	for _, g := range goals() {
		if !done[judged+" "+g.work] {
			t.Errorf("gale does not do %s", g.work)
		}
		for _, b := range []bound{g.must, g.aim} {
			if b.base != "" && !done[b.base+" "+g.work] {
				t.Errorf("%s does not do %s", b.base, g.work)
			}
		}
	}
}

func TestBrowserSendsThirteenHeaders(t *testing.T) {
	t.Parallel()
	if n := strings.Count(browser, "\r\n"); n != 13 {
		t.Errorf("%d headers", n)
	}
}
