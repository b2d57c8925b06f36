package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/galeweb/gale/bench/internal/launch"
)

// channel is the one that packets are sent to.
const channel = "bench"

// server is a process that takes packets.
type server struct {
	process  *launch.Process
	addr     string
	key      string // of the API
	database string // file
}

// contestant is a program that is measured. Start runs it in an empty folder
// and returns once it takes packets.
type contestant struct {
	name  string
	start func(ctx context.Context, dir string) (server, error)
}

// round starts c on an empty database, puts the load on it, kills it, and
// counts what is in the database: each packet that was acknowledged, no more.
func round(ctx context.Context, c contestant, l load, temp string) (figures, error) {
	dir, err := os.MkdirTemp(temp, c.name+"-")
	if err != nil {
		return figures{}, err
	}
	defer os.RemoveAll(dir)
	s, err := c.start(ctx, dir)
	if s.process != nil {
		defer s.process.Kill()
	}
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w", c.name, err)
	}
	f, err := l.run(ctx, s)
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w", c.name, err)
	}
	s.process.Kill()
	stored, err := count(ctx, s.database)
	if err == nil && stored != f.acked {
		err = fmt.Errorf("it acknowledged %d packets and %d are in its database", f.acked, stored)
	}
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return f, nil
}

func count(ctx context.Context, file string) (n int, err error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRowContext(ctx, "SELECT count(*) FROM packets").Scan(&n)
}

// syncTime returns the median time of writing 4 KiB to a file in dir and
// waiting until the disk has it, which is what each commit waits for.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	times := make([]figures, 101)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i].p50 = time.Since(start)
	}
	return median(times).p50, nil
}
