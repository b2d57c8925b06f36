package load

import (
	"slices"
	"time"
)

func (c *client) result(before, after clocks, took time.Duration) Result {
	r := Result{
		Time: took, CPU: after.server - before.server, User: after.user - before.user,
		LoadCPU: after.own - before.own, Machine: after.machine - before.machine, All: c.all,
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
