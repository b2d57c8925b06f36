package main

import "time"

// work is what is measured with one process of a server; its steps follow one
// another on the same connections.
type work struct {
	id      string
	kind    kind
	path    string // of the endpoint
	deflate bool
	steps   []step
}

type kind int

const (
	idle kind = iota
	broadcast
	echo
	paced
	nodes // paced, on one node, for subscribers of another
)

// step is one figure, or row of figures, and has a table of its own or a column.
type step struct {
	id, title, note string
	connections     int     // in all; the steps of a work only add to them
	window          int     // of a broadcast: messages on their way
	size            int     // of an echo: bytes
	rate            float64 // of a paced load: messages a second
}

const many, most = 10_000, 19_000

func works() []work {
	in := func(id, title string, window int) step {
		return step{id: id, title: title, connections: many, window: window}
	}
	// A process of its own for each rate: what the first left behind is not the
	// second's.
	latency := func(id, title string, rate float64) work {
		return work{id: id, kind: paced, path: "/watch", steps: []step{{id: id, title: title, connections: many, rate: rate}}}
	}
	return []work{
		{id: "idle", kind: idle, path: "/echo", steps: []step{
			{id: "idle10k", title: "echoed once, 10k", connections: many},
			{id: "idle19k", title: "echoed once, 19k", connections: most},
		}},
		{id: "idlehub", kind: idle, path: "/watch", steps: []step{
			{id: "hub10k", title: "one subscription, 10k", connections: many},
			{id: "hub19k", title: "one subscription, 19k", connections: most},
		}},
		{id: "broadcast", kind: broadcast, path: "/watch", steps: []step{
			in("broadcast1", "Broadcast of 128 B to 10k, one message in flight", 1),
			in("broadcast10", "Broadcast of 128 B to 10k, ten messages in flight", 10),
		}},
		{id: "deflate", kind: broadcast, path: "/watch", deflate: true, steps: []step{
			in("deflate1", "Broadcast with permessage-deflate, one message in flight", 1),
			in("deflate10", "Broadcast with permessage-deflate, ten messages in flight", 10),
		}},
		{id: "echo64", kind: echo, path: "/echo", steps: []step{{id: "echo64", title: "Echo of 64 B, 64 connections", connections: 64, size: 64}}},
		{id: "echo16k", kind: echo, path: "/echo", steps: []step{{id: "echo16k", title: "Echo of 16 KiB, 64 connections", connections: 64, size: 16 << 10}}},
		latency("latency10", "Publish to delivery, 10k subscribers, 10 publishes a second", 10),
		latency("latency100", "Publish to delivery, 10k subscribers, 100 publishes a second", 100),
		{id: "nodes", kind: nodes, path: "/watch", steps: []step{{
			id: "nodes", title: "Publish on one node to delivery by another, 10 subscribers, 100 publishes a second", connections: 10, rate: 100,
			note: "CPU is that of the node which delivers; both have the server's core, and brokers of their own use either.",
		}}},
	}
}

// drain is how long a paced load waits for what has not come.
const drain = 4 * time.Second
