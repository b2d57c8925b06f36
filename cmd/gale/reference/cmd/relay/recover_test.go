package main

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var recoverLink = regexp.MustCompile(`(?m)^https?://\S+(/reset/confirm)\?token=([\w-]{43})$`)

// The command works while relay serves, on the same database, also where the
// broker is inside of the process that serves.
func TestRecoverCommand(t *testing.T) {
	t.Parallel()
	for name, hub := range map[string]string{"memory": "memory:", "embedded": "nats:embedded?listen=" + freeAddr(t) + "&dir=" + t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testRecover(t, "RELAY_HUB_URL="+hub)
		})
	}
}

func testRecover(t *testing.T, hub string) {
	keys, database := keysFor(t), "sqlite:"+filepath.Join(t.TempDir(), "relay.db")
	p := start(t, database, keys, hub)
	header := p.first()
	thief := sessionCookie(header)
	p.must(http.StatusOK, http.MethodGet, "/profile", "", thief, "")

	recoverBy := func(args ...string) (out, log string, err error) {
		cmd := command(t, keys, hub, "RELAY_DATABASE_URL="+database)
		cmd.Args = append(cmd.Args, args...)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		return stdout.String(), stderr.String(), err
	}
	for _, bad := range []struct {
		args []string
		says string
	}{
		{[]string{"recover"}, "usage:"},
		{[]string{"recover", "ada@example.com", "more"}, "usage:"},
		{[]string{"serve", "ada@example.com"}, "usage:"},
		{[]string{"recover", "nobody@example.com"}, "no account has that mail address"},
	} {
		if out, log, err := recoverBy(bad.args...); err == nil || out != "" || !strings.Contains(log, bad.says) {
			t.Errorf("%v: %v, %q, %q", bad.args, err, out, log)
		}
	}
	p.must(http.StatusOK, http.MethodGet, "/profile", "", thief, "")

	out, log, err := recoverBy("recover", "ada@example.com")
	link := recoverLink.FindStringSubmatch(out)
	if err != nil || link == nil {
		t.Fatalf("%v, %q, %q", err, out, log)
	}
	if !strings.Contains(out, "until the link is used or relay is restarted") {
		t.Errorf("it does not tell that live connections go on: %q", out)
	}
	if strings.Contains(log, link[2]) || strings.Contains(log, "/dev/outbox") {
		t.Errorf("the log has the link, or the page of mails that is not there: %q", log)
	}
	p.must(http.StatusUnauthorized, http.MethodGet, "/profile", "", thief, "")
	p.must(http.StatusSeeOther, http.MethodPost, link[1], "application/x-www-form-urlencoded", "", "token="+link[2]+"&password=quiet+otter+sells+maps")
	p.must(http.StatusSeeOther, http.MethodPost, "/sign-in", "application/x-www-form-urlencoded", "", "email=ada%40example.com&password=quiet+otter+sells+maps")
}
