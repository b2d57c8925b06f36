package attack_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

// patience is for what must happen; none of it takes as long on a machine that
// has other work.
const patience = time.Minute

var (
	program   string // relay, as it is deployed
	victims   = [...]*victim{{name: "sqlite-engine"}, {name: "sqlite-nethttp-cookie"}, {name: "postgres-engine"}, {name: "postgres-nethttp"}}
	hardened  = [...]*victim{{name: "sqlite-engine-production"}, {name: "postgres-nethttp-production"}}
	addresses struct { // of attackers: all of 127.0.0.0/8 is this machine
		sync.Mutex
		last uint32
	}
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse() // testing.Short asks it
	if testing.Short() || runtime.GOOS != "linux" {
		fmt.Println("needs Linux, where every address of 127.0.0.0/8 is this machine, and half a minute")
		return 0
	}
	dir, err := os.MkdirTemp("", "attack")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "relay")
	if text, err := exec.Command("go", "build", "-o", program, "../cmd/relay").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "relay cannot be built: %v\n%s", err, text)
		return 1
	}
	if err := readTable(dir); err != nil {
		fmt.Fprintln(os.Stderr, "the routes of relay:", err)
		return 1
	}
	code := m.Run()
	all := slices.Concat(victims[:], hardened[:])
	ends := make(chan error, len(all))
	for _, v := range all {
		go func() {
			ends <- v.end()
		}()
	}
	for range all {
		if err := <-ends; err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// victim is a relay that is attacked.
type victim struct {
	name string

	once      sync.Once
	failed    error // to start
	cmd       *exec.Cmd
	addr, ops string // host:port
	log       output
	drop      func() error // of the schema
	mails     *mailServer  // in production
	front     *front       // in production

	ada    map[string]string // the cookies of the admin
	proved time.Time         // when she showed her password

	mu      sync.Mutex
	secrets map[string]bool // that were used, and must not be in the log
	looked  int             // bytes of the log that were looked at
}

// sealed reports whether sessions have their values in their cookies.
func (v *victim) sealed() bool { return strings.HasSuffix(v.name, "-cookie") }

func (v *victim) production() bool { return strings.HasSuffix(v.name, "-production") }

// start starts relay on an empty database, with an admin called ada.
func (v *victim) start(t *testing.T) {
	dir, err := os.MkdirTemp(filepath.Dir(program), v.name)
	if err != nil {
		v.failed = err
		return
	}
	v.secrets = map[string]bool{}
	v.log.ready = make(chan struct{})
	v.cmd = exec.Command(program)
	v.cmd.Dir = dir
	v.cmd.Stderr = &v.log
	// Ports are the system's choice, since the usual ones may be in use.
	v.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RELAY_ADDR=127.0.0.1:0", "RELAY_OPS_ADDR=127.0.0.1:0"}
	if strings.HasPrefix(v.name, "postgres") {
		address, drop, err := schema(t)
		if err != nil {
			v.failed = err
			return
		}
		v.drop = drop
		v.cmd.Env = append(v.cmd.Env, "RELAY_DATABASE_URL="+address)
	}
	if strings.Contains(v.name, "nethttp") {
		v.cmd.Env = append(v.cmd.Env, "GALE_ENGINE=std")
	}
	if v.sealed() {
		v.cmd.Env = append(v.cmd.Env, "RELAY_SESSION_URL=cookie:")
	}
	if v.production() {
		if v.failed = v.harden(dir); v.failed != nil {
			return
		}
	}
	if v.failed = v.cmd.Start(); v.failed != nil {
		return
	}
	select {
	case <-v.log.ready:
	case <-time.After(patience):
		v.failed = fmt.Errorf("relay did not start:\n%s", v.log.from(0))
		return
	}
	text := v.log.from(0)
	found := urls.FindAllStringSubmatch(text, -1)
	if len(found) != 2 {
		v.failed = fmt.Errorf("where does it listen?\n%s", text)
		return
	}
	v.addr, v.ops = found[0][1], found[1][1]
	v.looked = len(text)
	if v.front != nil {
		v.front.open(v.addr)
	}
}

// urls are those of the banner, or of the record "started" in production.
var urls = regexp.MustCompile(`(?:open +|ops +|"addrs":\["|"ops":")http://([0-9.:]+)`)

// schema makes an empty schema in Postgres and returns the URL of a database
// that has nothing else.
func schema(t *testing.T) (address string, drop func() error, err error) {
	u, err := url.Parse(galetest.Require(t, "postgres"))
	if err != nil {
		return "", nil, errors.New("the address of Postgres is no URL") // and not shown
	}
	ctx := context.Background() // the schema outlives the test
	d, err := db.Open(ctx, u.String(), db.Options{Drivers: database.Drivers()})
	if err != nil {
		return "", nil, err
	}
	name := "attack_" + strings.ToLower(rand.Text())
	if _, err := d.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
		return "", nil, errors.Join(err, d.Close())
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), func() error {
		_, err := d.Exec(ctx, "DROP SCHEMA "+name+" CASCADE")
		return errors.Join(err, d.Close())
	}, nil
}

// end stops relay, which must end well and have said nothing that it should not.
func (v *victim) end() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", v.name, err)
		}
	}()
	if v.cmd == nil || v.cmd.Process == nil { // no test wanted it
		return nil
	}
	err = v.cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(patience, func() { _ = v.cmd.Process.Kill() })
	err = errors.Join(err, v.cmd.Wait())
	killer.Stop()
	if v.front != nil {
		err = errors.Join(err, v.front.close(), v.mails.close())
	}
	for _, leak := range v.said() {
		err = errors.Join(err, errors.New(leak))
	}
	if v.drop != nil {
		err = errors.Join(err, v.drop())
	}
	return err
}

// secret notes something that must never be in the log, as it is or as forms and
// addresses have it.
func (v *victim) secret(s string) string {
	if len(s) >= 8 { // less may be there by chance
		v.mu.Lock()
		defer v.mu.Unlock()
		v.secrets[s], v.secrets[url.QueryEscape(s)], v.secrets[url.PathEscape(s)] = true, true, true
	}
	return s
}

// entry is how a line of the log begins in development and in production.
var entry = regexp.MustCompile(`^(\d\d:\d\d:\d\d\.\d\d\d (INF|WRN) |\{"time":"[^"]+","level":"(INFO|WARN)",)`)

// forged is how a line begins that an attack has made.
var forged = regexp.MustCompile(`^([0-9:.]+ INF|\{"time":"[^"]+","level":"INFO","msg":") *forged`)

// said returns what is wrong with the new part of the log: secrets, lines that
// an attacker made or coloured, and errors, for no attack is relay's fault.
func (v *victim) said() (bad []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := v.log.from(v.looked)
	v.looked += len(text)
	for s := range v.secrets {
		if i := strings.Index(text, s); i >= 0 {
			bad = append(bad, fmt.Sprintf("the secret %q is in the log: %.300q", s, text[max(0, i-200):]))
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !entry.MatchString(line) || forged.MatchString(line) {
			bad = append(bad, fmt.Sprintf("a line of the log is %.300q", line))
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			bad = append(bad, fmt.Sprintf("a line of the log has what cannot be printed: %.300q", line))
		}
	}
	if len(bad) > 5 {
		bad = append(bad[:5], fmt.Sprintf("and %d more", len(bad)-5))
	}
	return bad
}

// output is the log. It is ready once relay listens.
type output struct {
	ready chan struct{}

	mu     sync.Mutex
	buf    bytes.Buffer
	opened bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p)
	if !o.opened && (strings.Contains(o.buf.String(), "twice stops at once.\n\n") || strings.Contains(o.buf.String(), `"msg":"started"`)) {
		o.opened = true
		close(o.ready)
	}
	return len(p), nil
}

// from returns whole lines, from an offset on.
func (o *output) from(i int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest := o.buf.Bytes()[i:]
	return string(rest[:bytes.LastIndexByte(rest, '\n')+1])
}

// site is a victim in the hands of a test.
type site struct {
	*victim
	t *testing.T

	sentMu sync.Mutex
	sent   map[string]map[string]bool // the fields of the forms that this test has sent, by route
}

// sends notes what is about to be sent.
func (s *site) sends(method, path, contentType, body string) {
	pattern := routeOf(method, path)
	s.sentMu.Lock()
	defer s.sentMu.Unlock()
	if s.sent[pattern] == nil {
		s.sent[pattern] = map[string]bool{}
	}
	if method != http.MethodPost || !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") || len(body) > 1<<16 {
		return
	}
	if form, err := url.ParseQuery(body); err == nil {
		for name := range form {
			s.sent[pattern][name] = true
		}
	}
}

// onEach runs an attack on all four at once. Tests follow one another, so that
// each finds its victim alone, and what it says is about this attack.
func onEach(t *testing.T, attack func(t *testing.T, s *site)) { on(t, victims[:], attack) }

// onSealed runs an attack where values are in cookies.
func onSealed(t *testing.T, attack func(t *testing.T, s *site)) { on(t, victims[1:2], attack) }

// onBoth runs an attack on each database and by each server, once: for attacks
// that cost much, and in which a server does not meet a database.
func onBoth(t *testing.T, attack func(t *testing.T, s *site)) {
	on(t, []*victim{victims[0], victims[3]}, attack)
}

// onServers runs an attack that ends before a database by each server.
func onServers(t *testing.T, attack func(t *testing.T, s *site)) { on(t, victims[:2], attack) }

// onProduction runs an attack on relay as it is deployed, behind a proxy that is
// trusted and has TLS.
func onProduction(t *testing.T, attack func(t *testing.T, s *site)) { on(t, hardened[:], attack) }

func on(t *testing.T, all []*victim, attack func(t *testing.T, s *site)) {
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(v.name, "postgres") {
				galetest.Require(t, "postgres")
			}
			s := &site{victim: v, t: t, sent: map[string]map[string]bool{}}
			v.once.Do(func() {
				v.start(t)
				if v.failed == nil {
					s.first()
				}
			})
			if v.failed != nil {
				t.Fatal(v.failed)
			}
			t.Cleanup(func() {
				for _, bad := range v.said() {
					t.Error(bad)
				}
			})
			attack(t, s)
		})
	}
}

// until waits for what happens in the background.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.After(patience); !done(); {
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
