package newcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

// startLimit bounds the wait for the first answer; a build is not in it.
const startLimit = 30 * time.Second

// runProject builds p, runs it until ctx is done or it ends, and prints where
// it is and what to do next once it answers.
func runProject(ctx context.Context, p scaffold.Project, addr string, stdout, stderr io.Writer) error {
	binary := filepath.Join(p.Dir, "bin", p.Name())
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/"+p.Name())
	build.Dir, build.Stdout, build.Stderr = p.Dir, stderr, stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("%s was made but does not build: %w", p.Name(), err)
	}
	app := exec.CommandContext(ctx, binary)
	app.Dir, app.Stdout, app.Stderr = p.Dir, stderr, stderr
	app.Env = append(os.Environ(), strings.ToUpper(strings.ReplaceAll(p.Name(), "-", "_"))+"_ADDR="+addr)
	// An interrupt reaches the child too; it then drains, and is waited for.
	app.Cancel = func() error { return app.Process.Signal(syscall.SIGTERM) }
	app.WaitDelay = startLimit
	if err := app.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Wait() }()

	url := "http://" + addr + "/"
	if err := waitForAnswer(ctx, url, ended); err != nil {
		if ctx.Err() == nil {
			_ = app.Process.Signal(syscall.SIGTERM)
		}
		return fmt.Errorf("%s did not start: %w", p.Name(), err)
	}
	fmt.Fprintf(stdout, "\n%s answers at %s\n\n"+
		"  Open it and sign up: the first account becomes the admin.\n"+
		"  Its code is in %s; README.md there says what is where.\n"+
		"  Ctrl-C stops it; `go run ./cmd/%s` starts it again.\n\n", p.Name(), url, p.Dir, p.Name())
	if err := <-ended; err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s ended: %w", p.Name(), err)
	}
	return nil
}

// waitForAnswer returns nil at the first answer of any status.
func waitForAnswer(ctx context.Context, url string, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			return res.Body.Close()
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("it ended at once; see its words above"), err)
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", url, ctx.Err())
		case <-retry.C:
		}
	}
}
