package e2e_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

func TestFromSignUpToALivePacket(t *testing.T) {
	t.Parallel()
	owner, guest := open(t, e2e.View{}), open(t, e2e.Phone())
	r := serve(t)
	r.begin(owner, "boiler")
	owner.sees("Channel boiler")
	owner.sees("No packet yet")
	guest.visit(r.URL+"/channels/boiler", 200)
	for _, b := range []*tab{owner, guest} {
		b.until("document.getElementById('state').textContent === 'Live'")
		b.until("document.querySelector('#chart canvas')")
	}

	sent := r.send("boiler", packet(1), map[string]any{"kind": "note", "payload": map[string]string{"text": "<b>wind</b>"}})

	slices.Reverse(sent) // the newest is on top
	for _, b := range []*tab{owner, guest} {
		b.sees(`{"text":"<b>wind</b>"}`)
		b.sees("ada/laptop")
		if got := b.rows(); !slices.Equal(got, sent) {
			t.Errorf("shown are %v, want %v", got, sent)
		}
		if value[bool](b, "!!document.getElementById('empty')") {
			t.Error("the page still says that there is no packet")
		}
		b.quiet()
	}
	owner.visit(r.URL+"/channels/boiler", 200)
	if got := owner.rows(); !slices.Equal(got, sent) {
		t.Errorf("after loading again %v are shown, want %v", got, sent)
	}
}

// What is sent between the making of a page and the start of its script must
// not be missing.
func TestNothingIsMissedWhileThePageLoads(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{})
	r := serve(t)
	r.prepare(b, "boiler")
	page := value[string](b, "fetch('/channels/boiler').then(r => r.text())")
	sent := r.send("boiler", packet(1), packet(2), packet(3))
	// The tab shows the page of before, and runs its scripts only now.
	b.visit(r.URL+"/api", 200)
	value[bool](b, "((page) => { document.open(); document.write(page); document.close(); return true })("+quote(page)+")")
	b.until("document.querySelectorAll('#packets tr').length === 3")
	slices.Reverse(sent)
	if got := b.rows(); !slices.Equal(got, sent) {
		t.Errorf("shown are %v, want %v", got, sent)
	}
}

func TestAFilteredPageStandsStill(t *testing.T) {
	t.Parallel()
	b, live := open(t, e2e.View{}), open(t, e2e.View{})
	r := serve(t)
	r.prepare(b, "boiler")
	first := r.send("boiler", packet(1), map[string]any{"kind": "door", "payload": map[string]int{}})
	b.visit(r.URL+"/channels/boiler", 200)
	b.submit(".filter button", ".filter [name=kind]", "count")
	live.visit(r.URL+"/channels/boiler", 200)
	live.until("document.getElementById('state').textContent === 'Live'")
	r.send("boiler", packet(2))
	live.until("document.querySelectorAll('#packets tr').length === 3")
	if got := b.rows(); !slices.Equal(got, first[:1]) {
		t.Errorf("the filtered page shows %v, want %v", got, first[:1])
	}
	if value[bool](b, "!!document.querySelector('#state, script')") {
		t.Error("the filtered page has the script that follows the channel")
	}
	b.quiet()
}

// A list that follows a fast sender is bounded, ends with the newest packets
// without a gap, and its link leads to what came before the last one shown.
func TestAFloodIsBounded(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{})
	r := serve(t)
	r.prepare(b, "flood")
	b.until("document.getElementById('state').textContent === 'Live'")
	value[bool](b, `(() => {
		window.most = 0;
		new MutationObserver(() => window.most = Math.max(window.most, document.querySelectorAll('#packets tr').length))
			.observe(document.getElementById('packets'), {childList: true});
		return true })()`)
	var sent []int64
	for i := range 20 {
		batch := make([]any, 200)
		for j := range batch {
			batch[j] = packet(200*i + j)
		}
		sent = append(sent, r.send("flood", batch...)...)
	}
	slices.Reverse(sent)
	b.until("document.querySelector('#packets tr')?.dataset.id === '" + strconv.FormatInt(sent[0], 10) + "'")
	if got := b.rows(); !slices.Equal(got, sent[:200]) {
		t.Errorf("shown are %d packets %v, want the newest 200", len(got), got)
	}
	if most := value[int](b, "window.most"); most > 200 {
		t.Errorf("at one time there were %d rows", most)
	}
	b.submit("#older")
	if got := b.rows(); len(got) == 0 || got[0] != sent[200] {
		t.Errorf("the older page begins with %v, want %d", got[:min(1, len(got))], sent[200])
	}
	b.quiet()
}

// Everything can be done without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{})
	r := serve(t)
	b.visit(r.URL+"/sign-up", 200)
	b.must(b.Type("\t"))
	if got := value[string](b, "document.activeElement.textContent"); got != "Skip to the content" {
		t.Errorf("the first stop is %q, want the link that skips to the content", got)
	}
	if left := value[float64](b, "document.activeElement.getBoundingClientRect().left"); left < 0 {
		t.Error("the link that skips to the content stays out of sight")
	}
	b.must(b.Type("\r\t"))
	if got := value[string](b, "document.activeElement.id"); got != "name" {
		t.Errorf("behind the link comes %q, want the first input", got)
	}
	if value[string](b, "getComputedStyle(document.activeElement).outlineStyle") != "solid" {
		t.Error("one cannot see which input has the focus")
	}
	b.must(b.TypeAndLoad("ada\t" + email + "\tshort\r"))
	b.sees("at least 8 characters")
	if got := value[string](b, "document.activeElement.id"); got != "password" {
		t.Errorf("after a refusal the focus is on %q, want the input at fault", got)
	}
	b.must(b.TypeAndLoad(password + "\r"))
	b.sees("New channel")
	b.quiet("422")
}
