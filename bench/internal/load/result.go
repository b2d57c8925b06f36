package load

import (
	"slices"
	"time"

	"github.com/galeweb/gale/bench/internal/machine"
)

func (c *client) result(before, after machine.Clocks, took time.Duration) Result {
	r := Result{
		Time: took, CPU: after.Server - before.Server, User: after.User - before.User,
		LoadCPU: after.Own - before.Own, Machine: after.Machine - before.Machine, All: c.all,
	}
	for _, st := range c.streams {
		r.Streams = append(r.Streams, summarize(st.latencies))
	}
	return r
}

func summarize(latencies []time.Duration) StreamResult {
	if len(latencies) == 0 {
		return StreamResult{}
	}
	slices.Sort(latencies)
	n := len(latencies)
	return StreamResult{Requests: n, P50: latencies[(n-1)/2], P99: latencies[(n*99+99)/100-1], Max: latencies[n-1]}
}
