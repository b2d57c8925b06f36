package e2e_test

import (
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

// Without JavaScript nothing is missing but that the page follows by itself.
func TestWithoutJavaScript(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{NoScript: true})
	r := serve(t)
	r.begin(b, "boiler")
	has := func(words string) {
		t.Helper()
		if !value[bool](b, "document.body.innerText.includes("+quote(words)+")") {
			b.t.Errorf("the page does not say %q", words)
		}
	}
	has("Without JavaScript this page does not follow by itself")
	batch := make([]any, 60)
	for i := range batch {
		batch[i] = packet(i)
	}
	sent := r.send("boiler", batch...)
	b.visit(r.URL+"/channels/boiler", 200)
	if got := b.rows(); len(got) != 50 || got[0] != sent[59] {
		t.Fatalf("shown are %v, want the newest 50 of %v", got, sent)
	}
	if value[bool](b, "!!document.querySelector('#chart').checkVisibility()") {
		t.Error("there is an empty place for the chart, which only a script draws")
	}
	b.submit("#older")
	if got := b.rows(); len(got) != 10 || got[9] != sent[0] {
		t.Errorf("the older page shows %v, want the first 10 of %v", got, sent)
	}
	b.submit(".filter button", ".filter [name=kind]", "nothing")
	has("No packet matches.")

	b.visit(r.URL+"/profile", 200)
	b.submit("form[action$='/revoke'] button")
	has("The key is revoked.")
	b.submit("form[action='/profile/name'] button", "#name", "grace")
	has("Others now see you as grace.")
	b.submit("nav form button")
	has("Sign in")
	b.visit(r.URL+"/sign-in", 200)
	b.submit("main form button", "#email", email, "#password", "wrong")
	has("Wrong mail address or password.")
	b.submit("main form button", "#password", password)
	has("New channel")
	b.quiet("422")
}
