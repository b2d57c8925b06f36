package newcmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

const (
	startLimit = 30 * time.Second // until the first answer, without the build
	stopLimit  = 35 * time.Second // gale drains for up to 30 s
)

// runner builds and runs a project.
type runner struct {
	addr           string // host:port
	stdout, stderr io.Writer
}

// run runs p until it ends, ctx does, or a signal comes, which is passed on.
// Once it answers, it says where, and what to do next.
func (r runner) run(ctx context.Context, p scaffold.Project) error {
	fmt.Fprintln(r.stdout, "Building it; the first time that takes a minute.")
	binary := filepath.Join(p.Dir, "bin", p.Name())
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/"+p.Name())
	build.Dir, build.Stdout, build.Stderr = p.Dir, r.stderr, r.stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("%s was made in %s but does not build: %w", p.Name(), p.Dir, err)
	}

	// Registered before the start, so that no signal ends gale and not the project.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	app := exec.CommandContext(ctx, binary)
	app.Dir, app.Stdout, app.Stderr = p.Dir, r.stderr, r.stderr
	app.Env = append(os.Environ(), p.EnvPrefix()+"ADDR="+r.addr)
	app.Cancel = func() error { return app.Process.Signal(syscall.SIGTERM) }
	app.WaitDelay = stopLimit
	ownGroup(app)
	if err := app.Start(); err != nil {
		return fmt.Errorf("%s was made in %s but does not start: %w", p.Name(), p.Dir, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Wait() }()
	waiting, stopWaiting := context.WithTimeout(ctx, startLimit)
	defer stopWaiting()
	answer := make(chan error, 1)
	go func() { answer <- waitForAnswer(waiting, urlOf(r.addr)) }()

	var stopped bool // somebody wanted it to end
	for {
		select {
		case err := <-answer:
			if err == nil {
				r.tellNext(p)
			} else if waiting.Err() != nil && ctx.Err() == nil && !stopped {
				fmt.Fprintf(r.stderr, "%s does not answer at %s after %v; Ctrl-C stops it.\n", p.Name(), urlOf(r.addr), startLimit)
			}
		case s := <-signals:
			stopped = true
			_ = app.Process.Signal(s) // it may have ended just now
		case err := <-ended:
			stopWaiting()
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s ended: %w; its own words are above", p.Name(), err)
			}
			return nil
		}
	}
}

func (r runner) tellNext(p scaffold.Project) {
	fmt.Fprintf(r.stdout, `
%s answers at %s

  Open it and sign up: the first account becomes the admin.
  Its code is in %s; README.md there says what is where.
  Ctrl-C stops it; go run ./cmd/%s starts it again.

`, p.Name(), urlOf(r.addr), p.Dir, p.Name())
}

// waitForAnswer returns nil at the first answer of any status.
func waitForAnswer(ctx context.Context, url string) error {
	client := http.Client{
		// Neither proxies nor connections that stay open: the project is near, and is to end quickly.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			return res.Body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
		}
	}
}
