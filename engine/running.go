package engine

import (
	"context"
	"time"

	"github.com/galeweb/gale/internal/exchange"
)

// WorkerLabel is the goroutine label (runtime/pprof) under which the goroutine
// of a [Running] request is found in a goroutine profile.
const WorkerLabel = "gale.worker"

// Running is a request whose handler runs on a goroutine of its own: because it
// took long, blocked, or its route had done so before.
type Running struct {
	// Method and Path of the request, and the route as Server.Route names it. For
	// an upgraded connection, whose callback runs, they are those of the request
	// that it began with, and Path is that of the route where there is one.
	Method, Path, Route string
	Start               time.Time
	// Worker is the value of [WorkerLabel] on the handler's goroutine.
	Worker string
	// Note is what the handler's middleware gave to [Annotate], or nil.
	Note any
}

// Annotate attaches note to the request whose context is ctx, for whoever
// watches [Server.Running]; the last note wins. It does nothing with a context
// that is not of a request on the loop or the pool.
func Annotate(ctx context.Context, note any) {
	if x := exchange.FromContext(ctx); x != nil {
		x.Annotate(note)
	}
}
