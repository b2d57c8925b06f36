// Command start measures what somebody meets first: the size of a hello world,
// how soon relay answers after its process has begun, and how long gale new
// --run takes until the new project answers. See bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
)

// What gale is to stay below.
const (
	maxHello = 12_000_000 // bytes
	maxStart = 100 * time.Millisecond
	maxNew   = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetFlags(0)
	var b bench
	flag.IntVar(&b.starts, "starts", 10, "starts of relay on each kind of database, of which the median counts")
	flag.IntVar(&b.news, "news", 3, "new projects, of which the median counts; one more is made first to warm the caches")
	flag.Parse()
	if b.starts < 1 || b.news < 1 {
		log.Fatal("-starts and -news must be positive")
	}
	if err := b.run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

type bench struct {
	starts, news     int
	repository, temp string
}

func (b bench) run(ctx context.Context, out io.Writer) (err error) {
	if b.repository, err = launch.Repository(ctx); err != nil {
		return err
	}
	if b.temp, err = os.MkdirTemp("", "gale-start-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.temp)
	fmt.Fprintf(out, "%s, %s/%s, %d cores; commit %s; median of %d starts and %d new projects.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), launch.Commit(ctx, b.repository), b.starts, b.news)
	fmt.Fprint(out, "| what | measured | limit | |\n|---|---:|---:|---|\n")
	size, err := b.helloSize(ctx)
	if err != nil {
		return err
	}
	row(out, "hello world, static and stripped", mb(size), mb(maxHello), size <= maxHello)
	existing, fresh, err := b.relayStarts(ctx)
	if err != nil {
		return err
	}
	row(out, "relay, process start to first answer, database exists", ms(existing), ms(maxStart), existing <= maxStart)
	row(out, "relay, process start to first answer, new database", ms(fresh), ms(maxStart), fresh <= maxStart)
	took, err := b.newProject(ctx)
	if err != nil {
		return err
	}
	row(out, "`gale new hello --run` to first answer, warm caches", ms(took), ms(maxNew), took <= maxNew)
	return nil
}

func row(out io.Writer, what, measured, limit string, ok bool) {
	verdict := "MISS"
	if ok {
		verdict = "PASS"
	}
	fmt.Fprintf(out, "| %s | %s | %s | %s |\n", what, measured, limit, verdict)
}

func mb(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// helloSize returns the bytes of the program in the folder hello.
func (b bench) helloSize(ctx context.Context) (int64, error) {
	binary := filepath.Join(b.temp, "hello")
	if err := launch.Build(ctx, filepath.Join(b.repository, "bench"), "./start/hello", binary); err != nil {
		return 0, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// relayStarts returns how long relay takes on a database that it has used
// before, and on none, which it then makes.
func (b bench) relayStarts(ctx context.Context) (existing, fresh time.Duration, err error) {
	binary := filepath.Join(b.temp, "relay")
	if err := launch.Build(ctx, b.repository, "./cmd/gale/reference/cmd/relay", binary); err != nil {
		return 0, 0, err
	}
	start := func(database string) (time.Duration, error) {
		return b.answer(ctx, func(addr string) launch.Command {
			return launch.Command{Binary: binary, Env: launch.RelayEnv(addr, filepath.Join(b.temp, database))}
		})
	}
	var olds, news []time.Duration
	for i := range b.starts {
		took, err := start(fmt.Sprintf("%d.db", i))
		if err != nil {
			return 0, 0, err
		}
		news = append(news, took)
		if took, err = start("0.db"); err != nil {
			return 0, 0, err
		}
		olds = append(olds, took)
	}
	return median(olds), median(news), nil
}

// newProject returns how long gale new --run takes in an empty folder.
func (b bench) newProject(ctx context.Context) (time.Duration, error) {
	binary := filepath.Join(b.temp, "gale")
	if err := launch.Build(ctx, b.repository, "./cmd/gale", binary); err != nil {
		return 0, err
	}
	var times []time.Duration
	for i := range 1 + b.news {
		took, err := b.answer(ctx, func(addr string) launch.Command {
			return launch.Command{Binary: binary, Args: []string{"new", "hello", "--run", "--addr", addr}}
		})
		if err != nil {
			return 0, err
		}
		if i > 0 {
			times = append(times, took)
		}
	}
	return median(times), nil
}

// answer starts a command in an empty folder, given where to listen, and
// returns the time until its home page was read.
func (b bench) answer(ctx context.Context, command func(addr string) launch.Command) (time.Duration, error) {
	dir, err := os.MkdirTemp(b.temp, "run-")
	if err != nil {
		return 0, err
	}
	addr, err := launch.FreeAddr()
	if err != nil {
		return 0, err
	}
	c := command(addr)
	c.Dir, c.Log = dir, dir+".log"
	begin := time.Now()
	p, err := launch.Start(ctx, c)
	if err != nil {
		return 0, err
	}
	defer p.Kill()
	if err := p.Answer(ctx, "http://"+addr+"/"); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
