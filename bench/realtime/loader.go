package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/realtime/internal/load"
)

// loaderArg makes this program the load, a process of its own that can be kept
// to its core, and has its own limit of open files.
const loaderArg = "-as-load"

// order is what the load is asked to do, as a line of JSON.
type order struct {
	Open      *load.Open
	Broadcast *load.Broadcast
	Paced     *load.Paced
	Echo      *load.Echo
}

// obey does what each line orders and answers with a line, until in ends. The
// connections stay open until then.
func obey(in io.Reader, out io.Writer) error {
	// The load allocates little, and must not stop to collect it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	s, err := load.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		result, err := obeyOne(s, lines.Bytes())
		if err != nil {
			fmt.Fprintf(out, "error %q\n", err)
			continue
		}
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "ok %s\n", text)
	}
	return nil
}

func obeyOne(s *load.Session, line []byte) (load.Result, error) {
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return load.Result{}, err
	}
	switch {
	case o.Open != nil:
		return s.Open(*o.Open)
	case o.Broadcast != nil:
		return s.Broadcast(*o.Broadcast)
	case o.Paced != nil:
		return s.Paced(*o.Paced)
	case o.Echo != nil:
		return s.Echo(*o.Echo)
	}
	return load.Result{}, errors.New("no order")
}

// loader is the process that makes the load.
type loader struct{ *launch.Process }

func (b *bench) startLoader(ctx context.Context) (loader, error) {
	self, err := os.Executable()
	if err != nil {
		return loader{}, err
	}
	p, err := launch.Start(ctx, launch.Command{
		Binary: self, Args: []string{loaderArg}, Log: filepath.Join(b.temp, "load.log"), Cores: []int{b.cores.Load}, Asked: true,
	})
	return loader{p}, err
}

func (l loader) order(o order) (load.Result, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return load.Result{}, err
	}
	reply, err := l.Ask(string(line))
	if err != nil {
		return load.Result{}, err
	}
	var r load.Result
	return r, json.Unmarshal([]byte(reply), &r)
}
