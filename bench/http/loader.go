package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/galeweb/gale/bench/http/internal/load"
	"github.com/galeweb/gale/bench/internal/launch"
)

// loaderArg makes this program the load, a process of its own that can be kept
// to its core.
const loaderArg = "-as-load"

// order is what the load is asked to do, as a line of JSON.
type order struct {
	Run  *load.Spec
	Hold *load.Hold
}

// obey does what each line orders and answers with a line, until in ends.
// Connections that are held stay open until then.
func obey(in io.Reader, out io.Writer) {
	// The load allocates next to nothing, and must not stop to collect it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		result, err := obeyOne(lines.Bytes())
		if err != nil {
			fmt.Fprintf(out, "error %q\n", err)
			continue
		}
		text, err := json.Marshal(result)
		if err != nil {
			fmt.Fprintf(out, "error %q\n", err)
			continue
		}
		fmt.Fprintf(out, "ok %s\n", text)
	}
}

func obeyOne(line []byte) (load.Result, error) {
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return load.Result{}, err
	}
	switch {
	case o.Run != nil:
		return load.Run(*o.Run)
	case o.Hold != nil:
		_, err := o.Hold.Open() // held until the process ends
		return load.Result{}, err
	}
	return load.Result{}, fmt.Errorf("load: no order in %s", line)
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
