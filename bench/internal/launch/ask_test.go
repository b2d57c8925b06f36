package launch

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAskAndCores(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	const script = `while read line; do case $line in cores) echo ok $(grep Cpus_allowed_list /proc/self/status);; fail) echo error no;; end) exit;; *) echo log; echo ok $line;; esac; done`
	p, err := Start(t.Context(), Command{Binary: sh, Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log"), Cores: []int{0}, Asked: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if got, err := p.Ask("one two"); got != "one two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := p.Ask("cores"); !strings.HasSuffix(got, " 0") || err != nil {
		t.Errorf("it runs on %q, %v; want core 0", got, err)
	}
	if _, err := p.Ask("fail"); err == nil {
		t.Error("an error is taken for an answer")
	}
	if rss, err := p.RSS(); rss <= 0 || err != nil {
		t.Errorf("RSS %d, %v", rss, err)
	}
	if _, err := p.Ask("end"); err == nil {
		t.Error("a process that ended answers")
	}
}

func TestParseReply(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{"ok\n": "", "ok a b\n": "a b"} {
		if got, ok, err := parseReply(line); got != want || !ok || err != nil {
			t.Errorf("%q: %q, %v, %v", line, got, ok, err)
		}
	}
	if _, ok, err := parseReply("error x y\n"); !ok || err == nil {
		t.Error("an error is taken for an answer")
	}
	for _, line := range []string{"", "okay\n", "[gnet] INFO\n"} {
		if _, ok, _ := parseReply(line); ok {
			t.Errorf("%q is taken", line)
		}
	}
}

func TestParseRSS(t *testing.T) {
	t.Parallel()
	got, err := parseRSS("55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:                1234 kB\nPss: 1 kB\n")
	if err != nil || got != 1234<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "Rss: x kB\n"} {
		if _, err := parseRSS(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
