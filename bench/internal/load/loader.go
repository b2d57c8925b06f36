package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/galeweb/gale/bench/internal/launch"
)

// Arg makes a program the load, a process of its own that can be kept to its
// core: with this as its only argument it calls [Obey].
const Arg = "-as-load"

// Order is what the load is asked to do, as a line of JSON.
type Order struct {
	Run  *Spec
	Hold *Hold
}

// Obey does what each line orders and answers with a line, until in ends.
// Connections that are held stay open until then.
func Obey(in io.Reader, out io.Writer) {
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

func obeyOne(line []byte) (Result, error) {
	var o Order
	if err := json.Unmarshal(line, &o); err != nil {
		return Result{}, err
	}
	switch {
	case o.Run != nil:
		return Run(*o.Run)
	case o.Hold != nil:
		_, err := o.Hold.Open() // held until the process ends
		return Result{}, err
	}
	return Result{}, fmt.Errorf("load: no order in %s", line)
}

// Loader is the process that makes the load.
type Loader struct{ *launch.Process }

// Start starts this program as the load, on one core.
func Start(ctx context.Context, core int, log string) (Loader, error) {
	self, err := os.Executable()
	if err != nil {
		return Loader{}, err
	}
	p, err := launch.Start(ctx, launch.Command{Binary: self, Args: []string{Arg}, Log: log, Cores: []int{core}, Asked: true})
	return Loader{p}, err
}

// Order has the load do something and returns what came of it.
func (l Loader) Order(o Order) (Result, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return Result{}, err
	}
	reply, err := l.Ask(string(line))
	if err != nil {
		return Result{}, err
	}
	var r Result
	return r, json.Unmarshal([]byte(reply), &r)
}
