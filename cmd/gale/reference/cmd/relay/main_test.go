package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale/keyring"
)

// program is the file of relay as users have it, which the tests start: built
// without the race detector, with which a thousand watchers are too many.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "relay")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "relay")
	if text, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "relay cannot be built: %v\n%s", err, text)
		return 1
	}
	return m.Run()
}

// process is a running relay and a client for it.
type process struct {
	*http.Client
	t   *testing.T
	cmd *exec.Cmd
	log *output
}

// start runs relay on a database and waits until it listens.
func start(t *testing.T, databaseURL string, settings ...string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "main") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	p := &process{t: t, cmd: command(t, append(settings, "RELAY_ADDR=unix:"+socket, "RELAY_DATABASE_URL="+databaseURL)...), log: &output{want: socket, found: make(chan struct{})}}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	p.Client = &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		p.kill()
		if t.Failed() {
			t.Logf("relay said:\n%s", p.log.text())
		}
	})
	select {
	case <-p.log.found:
	case <-time.After(time.Minute):
		t.Fatalf("relay did not start:\n%s", p.log.text())
	}
	return p
}

// command is relay with an environment of nothing but settings.
func command(t *testing.T, settings ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"RELAY_OPS_ADDR=off", "PATH=" + os.Getenv("PATH")}, settings...)
	return cmd
}

// keysFor returns the setting with new keys, for processes that share a database.
func keysFor(t *testing.T) string {
	t.Helper()
	return "RELAY_SECRET_KEYS=" + keyring.NewSet(time.Now().Add(-time.Hour)).Text().Reveal()
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// do sends a request and returns its answer, which was read to the end.
func (p *process) do(method, path, contentType, credential, body string) (status int, header http.Header, text string, err error) {
	r, err := http.NewRequest(method, "http://relay"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if name, value, ok := strings.Cut(credential, ": "); ok {
		r.Header.Set(name, value)
	}
	answer, err := p.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(content), err
}

// must does the same for a request whose status is known.
func (p *process) must(status int, method, path, contentType, credential, body string) (http.Header, string) {
	p.t.Helper()
	got, header, text, err := p.do(method, path, contentType, credential, body)
	if err != nil || got != status {
		p.t.Fatalf("%s %s: %d %v, want %d: %s", method, path, got, err, status, text)
	}
	return header, text
}

// What only the log has, where others than who runs relay may reach it.
var (
	setupInLog  = regexp.MustCompile(`/sign-up\?setup=([\w-]+)`)
	outboxInLog = regexp.MustCompile(`(/dev/outbox\?[^\s"]+)`)
)

// said returns what the log has by the pattern.
func (p *process) said(pattern *regexp.Regexp) string {
	p.t.Helper()
	found := pattern.FindStringSubmatch(p.log.text())
	if found == nil {
		p.t.Fatalf("the log has no %s", pattern)
	}
	return found[1]
}

// first makes the very first account, with the token in the log, which a relay for
// this machine alone has not.
func (p *process) first() http.Header {
	p.t.Helper()
	setup := ""
	if setupInLog.MatchString(p.log.text()) {
		setup = p.said(setupInLog)
	}
	header, _ := p.must(http.StatusSeeOther, http.MethodPost, "/sign-up", "application/x-www-form-urlencoded", "",
		"name=ada&email=ada%40example.com&password=correct+horse+battery&setup="+setup)
	return header
}

// output keeps what a process says and notes when it has said a certain thing.
type output struct {
	want  string
	found chan struct{}

	mu   sync.Mutex
	once sync.Once
	buf  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p)
	if strings.Contains(o.buf.String(), o.want) {
		o.once.Do(func() { close(o.found) })
	}
	return len(p), nil
}

// expect waits for something else than before.
func (o *output) expect(want string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.want, o.found, o.once = want, make(chan struct{}), sync.Once{}
	if strings.Contains(o.buf.String(), want) {
		close(o.found)
	}
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	p := start(t, "sqlite:relay.db")
	p.must(http.StatusOK, http.MethodGet, "/", "", "", "")
	// A request that has begun is answered before the end.
	conn, err := p.Transport.(*http.Transport).DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const form = "email=a%40example.com&password=12345678"
	if _, err := io.WriteString(conn, "POST /sign-in HTTP/1.1\r\nHost: relay\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 39\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("answer is %q, %v", line, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, form); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ReadString('\n'); err != nil { // the end of 100 Continue
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("answer is %+v, %v", answer, err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = conn.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("relay ended with %v", err)
	}
}

// Where others may reach relay, its mails are at an address that only its log has,
// as it is printed: without what a log masks.
func TestOutboxIsInTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, "sqlite:relay.db")
	p.must(http.StatusForbidden, http.MethodGet, "/dev/outbox", "", "", "")
	if _, page := p.must(http.StatusOK, http.MethodGet, p.said(outboxInLog), "", "", ""); !strings.Contains(page, "No mail yet") {
		t.Errorf("the page is %s", page)
	}
}

// Every mistake in the configuration is told, with its name and no secret.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct{ settings, says []string }{
		{[]string{"RELAY_ENV=test", "RELAY_SIGN_UP=perhaps", "RELAY_LOG_LEVEL=loud"}, []string{"RELAY_ENV", "RELAY_SIGN_UP", "RELAY_LOG_LEVEL"}},
		{[]string{"RELAY_TRUSTED_PROXIES=10.0.0.0/8,everybody"}, []string{"TRUSTED_PROXIES", "everybody"}},
		{[]string{"RELAY_SESSION_IDLE=2h", "RELAY_SESSION_LIFE=1h"}, []string{"SESSION_IDLE"}},
		{[]string{"RELAY_DATABASE_URL=mysql://u:hunter2@h/d"}, []string{"relay: "}},
		// Nothing that production needs is made up.
		{[]string{"RELAY_ENV=production"}, []string{"gale secret new", "PUBLIC_URL", "SMTP_URL"}},
		{[]string{"RELAY_PUBLIC_URL=https://relay.example.com/path"}, []string{"PUBLIC_URL"}},
		{[]string{"RELAY_PUBLIC_URL=javascript:alert(1)"}, []string{"PUBLIC_URL"}},
		{[]string{"RELAY_SMTP_URL=https://u:hunter2@mail.example.com"}, []string{"SMTP_URL"}},
		{[]string{"RELAY_SMTP_URL=smtp://u:hunter2@mail.example.com?tls=off"}, []string{"SMTP_URL", "tls=off"}},
		{[]string{"RELAY_SECRET_KEYS=gale1.hunter2"}, []string{"SECRET_KEYS: keyring: key 1"}},
		{[]string{"RELAY_SECRET_KEYS_FILE=/no/such/file"}, []string{"SECRET_KEYS_FILE: ", "no such file"}},
		{[]string{"RELAY_SECRET_KEYS=gale1.hunter2", "RELAY_SECRET_KEYS_FILE=keys"}, []string{"SECRET_KEYS and SECRET_KEYS_FILE are set"}},
		{[]string{"RELAY_SECRET_KEYS_URL=https://vault.example.com/v1/secret/data/relay?token=hunter2"}, []string{"SECRET_KEYS_URL", "token_file"}},
		{[]string{"RELAY_LIMIT_URL=mysql://u:hunter2@h"}, []string{"LIMIT_URL"}},
		{[]string{"RELAY_SESSION_URL=mysql://u:hunter2@h"}, []string{"SESSION_URL"}},
		{[]string{"RELAY_SESSION_URL=memcached://u:hunter2@h:1"}, []string{"SESSION_URL"}},
		{[]string{"RELAY_LIMIT_URL=valkey://u:hunter2@h?master_sett=x"}, []string{"LIMIT_URL", "master_sett"}},
		{[]string{"RELAY_HUB_URL=valkeys://u:hunter2@h?ca=/no/such.pem"}, []string{"/no/such.pem"}},
		{[]string{"RELAY_PRESENCE_TTL=1ms"}, []string{"PRESENCE_TTL"}},
		{[]string{"RELAY_LIMIT_ADDR=-1"}, []string{"LIMIT_ADDR"}},
		{[]string{"RELAY_DATABASE_URL=sqlite:no/such/folder/relay.db"}, []string{"does not exist"}},
	} {
		cmd := command(t, append(bad.settings, "RELAY_ADDR=127.0.0.1:0")...)
		text, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%v: relay started", bad.settings)
		}
		for _, says := range bad.says {
			if !strings.Contains(string(text), says) {
				t.Errorf("%v: does not say %q: %s", bad.settings, says, text)
			}
		}
		if strings.Contains(string(text), "hunter2") {
			t.Errorf("the password is told: %s", text)
		}
	}
}
