package engine_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// contractGuard bounds every wait of a case. It is never reached but when
// something hangs.
const contractGuard = 20 * time.Second

// contractCase is one promise of a server: a handler, what a client does, and
// what it must see. Each runs on net/http and on the engine in every mode; the
// transcripts must be the same to the byte.
type contractCase struct {
	name string
	// do answers the requests, save those for /last, which the runner answers.
	do func(k *run, w http.ResponseWriter, r *http.Request)
	// send is what the client sends before it reads to the end; script is what
	// it does where that is not enough.
	send   string
	script func(k *run)
	// want are the bytes that the client gets, masked; notes what run.note
	// collected. Empty: whatever net/http does.
	want  string
	notes []string
	// blocks says that the handler waits for something that the client does
	// later, which the inline mode cannot serve.
	blocks bool
	// allow are the differences that do not count.
	allow []allowance
	// own gives the case servers of its own, set up by it.
	own func(k *run, s *settings)
	// plain leaves TLS out, for the reason given.
	plain string
	// refused are the statuses with which the engine may refuse the request.
	// The reply must close the connection, and nothing after it may run.
	// net/http may do as it likes.
	refused []int
	// engine says that the promise is one of the engine alone; want is needed.
	engine bool
}

// target is one server that the cases run on.
type target struct {
	name   string
	mode   engine.Mode // "": net/http
	tls    bool
	own    bool // the engine itself serves, not net/http below it
	shared *served
	wrap   func(http.Handler) http.Handler // spoils the server, for the runner's own test
}

var contract = map[string]func() []contractCase{
	"request":    requestCases,
	"target":     targetCases,
	"response":   responseCases,
	"framing":    framingCases,
	"interim":    interimCases,
	"keepalive":  keepAliveCases,
	"body":       bodyCases,
	"bodyend":    bodyEndCases,
	"continue":   continueCases,
	"hijack":     hijackCases,
	"panic":      panicCases,
	"context":    contextCases,
	"deadline":   deadlineCases,
	"concurrent": concurrentCases,
	"server":     serverCases,
	"connstate":  connStateCases,
	"limit":      limitCases,
	"shutdown":   shutdownCases,
	"refused":    refusedCases,
	"library":    libraryCases,
	"file":       fileCases,
	"proxy":      proxyCases,
}

func TestContract(t *testing.T) {
	t.Parallel()
	targets := contractTargets(t)
	for subject, cases := range contract {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases() {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					for _, problem := range c.check(targets) {
						t.Error(problem)
					}
				})
			}
		})
	}
}

// contractTargets starts the servers that the cases share. The first is the
// reference; the first with TLS that of those with TLS.
func contractTargets(t *testing.T) []*target {
	t.Helper()
	certificate := lentCertificate(t)
	targets := []*target{
		{name: "net/http"},
		{name: "net/http over TLS", tls: true},
		{name: "loop", mode: engine.Loop},
		{name: "pool", mode: engine.Pool},
		{name: "slow", mode: engine.AlwaysSlow},
		{name: "inline", mode: engine.AlwaysInline},
		{name: "std", mode: engine.Std},
		{name: "TLS", mode: engine.Loop, tls: true},
		{name: "TLS slow", mode: engine.AlwaysSlow, tls: true},
	}
	for _, on := range targets {
		on.own = on.mode != "" && on.mode != engine.Std
		on.shared = startShared(t, on, certificate)
	}
	return targets
}

// startShared starts a server for all cases on it; a request finds its case by
// the address of its client.
func startShared(t *testing.T, on *target, certificate *tls.Config) *served {
	t.Helper()
	s := &served{certificate: certificate}
	s.handler = http.HandlerFunc(s.dispatch)
	if on.wrap != nil {
		s.handler = on.wrap(s.handler)
	}
	assert.NoError(t, s.start(on, &settings{}))
	t.Cleanup(func() { assert.NoError(t, s.stop()) })
	return s
}

// outcome is what one server made of a case.
type outcome struct {
	transcript string
	notes      []string
	faults     []string
}

// check runs the case on every target that it suits, all at once, and says
// what is wrong.
func (c contractCase) check(targets []*target) []string {
	targets = slices.DeleteFunc(slices.Clone(targets), func(on *target) bool {
		return on.mode == engine.AlwaysInline && c.blocks || on.tls && c.plain != "" || c.engine && !on.own
	})
	outcomes := make([]outcome, len(targets))
	done := make(chan int)
	for i, on := range targets {
		go func() {
			outcomes[i] = c.runOn(on)
			done <- i
		}()
	}
	for range targets {
		<-done
	}
	// A problem that several servers have is told once.
	var problems []string
	where := map[string][]string{}
	reference := map[bool]*outcome{} // with TLS and without
	for i, on := range targets {
		got := &outcomes[i]
		if reference[on.tls] == nil {
			reference[on.tls] = got
		}
		for _, p := range c.judge(on, got, reference[on.tls]) {
			if where[p] == nil {
				problems = append(problems, p)
			}
			where[p] = append(where[p], on.name)
		}
	}
	for i, p := range problems {
		problems[i] = strings.Join(where[p], ", ") + ": " + p
	}
	return problems
}

// judge compares what a target did with what was promised and with what
// net/http did.
func (c contractCase) judge(on *target, got, reference *outcome) []string {
	problems := slices.Clone(got.faults)
	if len(c.refused) > 0 {
		if on.own {
			return append(problems, c.judgeRefusal(got)...)
		}
		return problems
	}
	transcript, wanted := c.pardon(got.transcript), c.pardon(reference.transcript)
	if got, want := strings.TrimSuffix(transcript, closedMark), strings.TrimSuffix(c.pardon(c.want), closedMark); c.want != "" && got != want {
		problems = append(problems, "not as promised\n"+difference("promised", want, got))
	}
	if c.notes != nil && !slices.Equal(got.notes, c.notes) {
		problems = append(problems, fmt.Sprintf("the handler noted other things\n%q, promised\n%q, got", c.notes, got.notes))
	}
	if c.engine {
		return problems
	}
	if transcript != wanted {
		problems = append(problems, "not as net/http\n"+difference("net/http", wanted, transcript))
	}
	if !slices.Equal(got.notes, reference.notes) {
		problems = append(problems, fmt.Sprintf("the handler met other things\n%q, net/http\n%q, got", reference.notes, got.notes))
	}
	return problems
}

func (c contractCase) judgeRefusal(got *outcome) []string {
	var problems []string
	var status int
	if _, err := fmt.Sscanf(got.transcript, "HTTP/1.1 %d ", &status); err != nil || !slices.Contains(c.refused, status) {
		problems = append(problems, fmt.Sprintf("want it refused by %v", c.refused))
	}
	if !strings.Contains(got.transcript, "\r\nConnection: close\r\n") || !strings.HasSuffix(got.transcript, closedMark) {
		problems = append(problems, "the connection was not closed")
	}
	if len(statusLine.FindAllString(got.transcript, 2)) != 1 || len(got.notes) > 0 {
		problems = append(problems, "a request was served all the same")
	}
	if len(problems) > 0 {
		problems = append(problems, fmt.Sprintf("got %q, notes %q", got.transcript, got.notes))
	}
	return problems
}

// difference shows two transcripts from a little before where they part.
func difference(name, want, got string) string {
	same := 0
	for same < len(want) && same < len(got) && want[same] == got[same] {
		same++
	}
	show := func(s string) string {
		from := max(0, same-120)
		if to := same + 300; len(s) > to {
			return fmt.Sprintf("…%q… (%d bytes)", s[from:to], len(s))
		}
		return fmt.Sprintf("…%q", s[from:])
	}
	return fmt.Sprintf("from byte %d on\n%s, %s\n%s, got", same, show(want), name, show(got))
}

// closedMark ends the transcript of a connection that the server closed.
const closedMark = "|closed"

var dateField = regexp.MustCompile(`\r\nDate: [^\r]*\r\n`)

// mask takes out what differs from run to run: the date, and nothing else.
func mask(s string) string { return dateField.ReplaceAllString(s, "\r\nDate: now\r\n") }

// allowance is a difference between net/http and the engine that does not
// count, with the reason.
type allowance struct {
	reason string
	// forgive maps transcripts that may differ to the same string.
	forgive func(transcript string) string
}

func (c contractCase) pardon(transcript string) string {
	for _, a := range c.allow {
		transcript = a.forgive(transcript)
	}
	return transcript
}

var (
	// anyChunks joins the chunks of each body.
	anyChunks = allowance{
		"how a body is cut into chunks means nothing (RFC 9112 7.1.1) and depends on buffer sizes and flushes",
		joinChunks,
	}
	// anyGoodbye takes a refusal away that comes before the close.
	anyGoodbye = allowance{
		"a server may close in silence, or say 400 or 408 before (RFC 9110 15.5.9)",
		func(s string) string { return goodbye.ReplaceAllString(s, "$1") },
	}
	// saysClose takes out that the connection will be closed.
	saysClose = allowance{
		"after a body that ended too early net/http closes without saying so; the engine says so",
		func(s string) string { return strings.ReplaceAll(s, "Connection: close\r\n", "") },
	}
	// maxBytes is about http.MaxBytesReader, which tells net/http's own writer by
	// an unexported method that the connection should be closed.
	maxBytes = allowance{
		"to any other writer a body beyond the limit is one not read to its end: the rest is taken when it is short, and else the connection closed",
		func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "Connection: close\r\n", ""), closedMark, "")
		},
	}
	// anyBoundary masks the boundaries of multipart replies.
	anyBoundary = allowance{
		"mime/multipart picks a random boundary",
		func(s string) string {
			m := boundary.FindStringSubmatch(s)
			if m == nil {
				return s
			}
			return strings.ReplaceAll(s, m[1], "boundary")
		},
	}
)

var (
	statusLine = regexp.MustCompile(`HTTP/1\.[01] \d\d\d `)
	goodbye    = regexp.MustCompile(`(?s)HTTP/1\.1 4\d\d .*Connection: close\r\n.*(\|closed)$`)
	boundary   = regexp.MustCompile(`boundary=([0-9a-f]{60})`)
)

// joinChunks writes the chunked bodies of a transcript as one chunk each; what
// it cannot read it leaves as it is.
func joinChunks(s string) string {
	var out strings.Builder
	for {
		head, rest, ok := strings.Cut(s, "\r\nTransfer-Encoding: chunked\r\n\r\n")
		if !ok {
			return out.String() + s
		}
		out.WriteString(head + "\r\nTransfer-Encoding: chunked\r\n\r\n")
		var body strings.Builder
		for {
			var size int
			line, after, ok := strings.Cut(rest, "\r\n")
			if _, err := fmt.Sscanf(line, "%x", &size); err != nil || !ok || size == 0 || len(after) < size+2 {
				break
			}
			body.WriteString(after[:size])
			rest = after[size+2:]
		}
		fmt.Fprintf(&out, "chunks of %d: %s\r\n", body.Len(), body.String())
		s = rest
	}
}

// ask is a request head: "GET /path" and fields, with a Host.
func ask(line string, fields ...string) string {
	return head(line+" HTTP/1.1", append([]string{"Host: gale.test"}, fields...)...)
}

// head is a request head, as it stands.
func head(line string, fields ...string) string {
	return strings.Join(append([]string{line}, fields...), "\r\n") + "\r\n\r\n"
}

// last asks for the runner's own answer and ends the connection.
const last = "GET /last HTTP/1.1\r\nHost: gale.test\r\nConnection: close\r\n\r\n"

// lastReply is the answer to last.
const lastReply = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 4\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nlast"

// reply is a masked reply to a request on a connection that stays: status line,
// fields, body.
func reply(status string, fields []string, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n" + body
}

// text is the reply to a handler that wrote s and did nothing else.
func text(s string) string {
	return reply("200 OK", []string{"Date: now", fmt.Sprintf("Content-Length: %d", len(s)), "Content-Type: text/plain; charset=utf-8"}, s)
}

// says is a handler that writes s.
func says(s string) func(*run, http.ResponseWriter, *http.Request) {
	return func(_ *run, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}
