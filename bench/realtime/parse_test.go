package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/bench/internal/pick"
	"github.com/galeweb/gale/bench/realtime/internal/load"
)

func TestParse(t *testing.T) {
	t.Parallel()
	b, out, err := parse([]string{"-peers", "hub,gale", "-works", "latency10", "-rounds", "7", "-time", "2s", "-out", "x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := pick.IDs(b.peers, func(p peer) string { return p.id }); got != "gale,hub" {
		t.Errorf("peers %s", got)
	}
	if len(b.works) != 1 || b.works[0].id != "latency10" || b.rounds != 7 || b.measured != 2*time.Second || out != "x" || b.share != 1 {
		t.Errorf("got %+v, %q", b, out)
	}
	if b, _, err := parse(nil, io.Discard); err != nil || len(b.peers) != len(peers()) || len(b.works) != len(works()) || b.rounds < 3 {
		t.Errorf("without flags: %+v, %v", b, err)
	}
	if b, _, err := parse([]string{"-quick"}, io.Discard); err != nil || b.rounds != 1 || b.share < 2 {
		t.Errorf("quick: %+v, %v", b, err)
	}
	for _, bad := range []string{"-peers iris", "-works x", "-rounds 0", "-time 0s", "-what"} {
		if _, _, err := parse(strings.Fields(bad), io.Discard); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// What is misspelt in peers or goals would be left out of the tables unseen.
func TestPeersAndGoalsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	stepsOf := map[string][]step{}
	known := map[string]bool{}
	for _, w := range works() {
		if stepsOf[w.id] != nil {
			t.Errorf("two works %s", w.id)
		}
		stepsOf[w.id] = w.steps
		made := 0
		for _, st := range w.steps {
			if known[st.id] || st.connections < made {
				t.Errorf("step %s: twice, or fewer connections than the one before", st.id)
			}
			known[st.id], made = true, st.connections
		}
	}
	done := map[string]bool{}
	for _, p := range peers() {
		if p.name == "" || p.program == "" || done[p.id] {
			t.Errorf("peer %+v", p)
		}
		done[p.id] = true
		for _, id := range p.works {
			if stepsOf[id] == nil {
				t.Errorf("%s does %s, which is no work", p.id, id)
			}
			for _, st := range stepsOf[id] {
				done[p.id+" "+st.id] = true
			}
		}
	}
	for _, g := range goals() {
		if !done[g.judged+" "+g.step] {
			t.Errorf("%s does not do %s", g.judged, g.step)
		}
		for _, b := range []bound{g.must, g.aim} {
			for _, p := range b.peers {
				// Not all of the libraries can do all that gale must.
				if !done[p] || len(b.peers) < 3 && !done[p+" "+g.step] {
					t.Errorf("%s does not do %s", p, g.step)
				}
			}
		}
	}
}

func TestObeyRefusesNonsense(t *testing.T) {
	t.Parallel()
	s, err := load.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, line := range []string{"", "{", "{}", `{"Echo":{}}`, `{"Open":{"Addr":"nowhere","Protocol":"plain","Connections":1}}`} {
		if _, err := obeyOne(s, []byte(line)); err == nil {
			t.Errorf("%q is obeyed", line)
		}
	}
}
