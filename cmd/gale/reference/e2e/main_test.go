package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/mail"
)

// browser is shared, because one takes a second to start; every tab has a
// profile of its own. It is nil where there is none.
var browser *e2e.Browser

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if addr := os.Getenv(childAddr); addr != "" {
		return child(addr)
	}
	flag.Parse() // testing.Short asks it
	_, err := e2e.Chromium()
	if err == nil && !testing.Short() {
		if browser, err = e2e.Launch(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer browser.Close()
	}
	return m.Run()
}

// open opens a tab. Without a browser it skips the test, or fails it where
// GALE_REQUIRE_SERVICES is set, as in CI.
func open(t *testing.T, v e2e.View) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser, which takes long")
	}
	if browser == nil {
		_, err := e2e.Chromium()
		if os.Getenv(galetest.RequireServices) != "" {
			t.Fatalf("a browser is required (%s): %v", galetest.RequireServices, err)
		}
		t.Skip(err)
	}
	b, err := browser.Open(v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return &tab{b, t}
}

// tab fails its test when something goes wrong.
type tab struct {
	*e2e.Tab
	t *testing.T
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		where, _ := e2e.Eval[string](b.Tab, "location.href + '\\n' + document.body.innerText.slice(0, 300)")
		b.t.Fatalf("%v\nthe page is %s", err, where)
	}
}

// visit loads a page that must have the status.
func (b *tab) visit(url string, status int) {
	b.t.Helper()
	got, err := b.Go(url)
	b.must(err)
	if got != status {
		b.must(fmt.Errorf("%s is %d, want %d", url, got, status))
	}
}

func (b *tab) submit(button string, inputs ...string) {
	b.t.Helper()
	b.must(b.Submit(button, inputs...))
}

// sees waits until the page's text contains words.
func (b *tab) sees(words string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.body?.innerText.includes(%q)", words))
}

func (b *tab) until(expression string) {
	b.t.Helper()
	b.must(b.Until(expression))
}

// quiet checks that the browser complained of nothing but what is allowed.
func (b *tab) quiet(allowed ...string) {
	b.t.Helper()
complaints:
	for _, c := range b.Complaints() {
		for _, a := range allowed {
			if strings.Contains(c, a) {
				continue complaints
			}
		}
		b.t.Errorf("the browser complains: %s", c)
	}
}

func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := e2e.Eval[T](b.Tab, expression)
	b.must(err)
	return v
}

// rows are the ids in the list of packets, as shown.
func (b *tab) rows() []int64 {
	b.t.Helper()
	return value[[]int64](b, "[...document.querySelectorAll('#packets tr')].map(row => Number(row.dataset.id))")
}

// site is a running relay and what its API needs.
type site struct {
	*e2e.Server
	t   *testing.T
	key string
}

func serve(t *testing.T) *site {
	t.Helper()
	s, err := e2e.Serve(t.Context(), e2e.Options{Addr: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "relay.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t}
}

// The names and the password of the tests.
const (
	email    = "ada@example.com"
	password = "wind-in-the-willows"
)

// begin signs up the first user in b, makes a channel and a key, and leaves b
// on the channel's page. It fills the forms in, which takes seconds; prepare
// does the same for tests of something else.
func (r *site) begin(b *tab, channel string) {
	r.t.Helper()
	b.visit(r.URL+"/sign-up", 200)
	b.submit("main form button", "#name", "ada", "#email", email, "#password", password)
	b.visit(r.URL+"/profile", 200)
	b.submit("form[action='/profile/keys'] button", "#key-name", "laptop")
	r.key = value[string](b, "document.querySelector('.notice code').textContent")
	b.visit(r.URL+"/", 200)
	b.submit("form[action='/channels'] button", "#title", "Channel "+channel, "#name", channel)
}

// prepare is begin without the pages in between.
func (r *site) prepare(b *tab, channel string) {
	r.t.Helper()
	b.visit(r.URL+"/sign-up", 200)
	r.key = value[string](b, fmt.Sprintf(`(async () => {
		const post = (path, fields) => fetch(path, {method: "POST", body: new URLSearchParams(fields)});
		await post("/sign-up", {name: "ada", email: %q, password: %q});
		await post("/channels", {name: %[3]q, title: "Channel %[3]s", public: "true"});
		const made = await post("/profile/keys", {name: "laptop", scopes: "packets.send", life: "never"});
		return new DOMParser().parseFromString(await made.text(), "text/html").querySelector(".notice code").textContent;
	})()`, email, password, channel))
	b.visit(r.URL+"/channels/"+channel, 200)
}

// signIn signs the first user in.
func (r *site) signIn(b *tab) {
	r.t.Helper()
	b.visit(r.URL+"/sign-in", 200)
	b.submit("main form button", "#email", email, "#password", password)
}

// send sends packets by the API and returns their ids.
func (r *site) send(channel string, packets ...any) []int64 {
	r.t.Helper()
	body, err := json.Marshal(packets)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.URL+"/api/v1/channels/"+channel+"/packets", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var sum struct {
		IDs []int64 `json:"ids"`
	}
	if err := json.Unmarshal(text, &sum); err != nil || resp.StatusCode != http.StatusCreated {
		r.t.Fatalf("sending: %s %s", resp.Status, text)
	}
	return sum.IDs
}

// packet is one with a number in it.
func packet(n int) map[string]any {
	return map[string]any{"kind": "count", "payload": map[string]int{"n": n}}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// follow opens the link in the newest mail to the address, on the page that
// shows mails in development.
func (r *site) follow(b *tab, address string) {
	r.t.Helper()
	_, err := r.Mails.Wait(r.t.Context(), func(m mail.Message) bool { return m.IsTo(address) })
	b.must(err)
	b.visit(r.URL+"/dev/outbox", 200)
	link := value[string](b, fmt.Sprintf(`[...document.querySelectorAll("article.mail")].find(m => m.textContent.includes(%q)).querySelector("a").href`, address))
	_, path, _ := strings.Cut(link, "8080")
	b.visit(r.URL+path, 200)
}

// join makes a further account in b.
func (r *site) join(b *tab, name, address string) {
	r.t.Helper()
	b.visit(r.URL+"/sign-up", 200)
	b.submit("main form button", "#name", name, "#email", address)
	b.sees("Look into your mail")
	r.follow(b, address)
	b.submit("main form button", "#password", password)
}
