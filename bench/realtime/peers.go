package main

import (
	"slices"

	"github.com/galeweb/gale/bench/realtime/internal/load"
)

// peer is one server to compare, as it is configured.
type peer struct {
	id       string // for -peers
	name     string // in the tables
	program  string // folder of servers, or tornado
	args     []string
	protocol load.Protocol
	module   string   // whose version is told
	works    []string // ids of the works that it does
	// broker joins two nodes: a URL, or embedded for NATS in the first node; empty:
	// there is one.
	broker string
	base   string // id of the peer with one node, to which the second adds
}

// embedded is a broker in the process of the first node.
const embedded = "embedded"

// programTornado is the server that is not in Go.
const programTornado = "tornado"

func (p peer) golang() bool { return p.program != programTornado }

func (p peer) does(w work) bool { return slices.Contains(p.works, w.id) }

// peers returns all servers in the order of the tables: those of plain WebSocket,
// then those of topics.
func peers() []peer {
	node := func(id, name, broker, base string, args ...string) peer {
		return peer{id: id, name: name, program: "node", args: args, protocol: load.Hub, works: []string{"nodes"}, broker: broker, base: base}
	}
	library := []string{"idle", "broadcast", "deflate", "echo64", "echo16k"}
	hub := []string{"idlehub", "broadcast", "deflate", "latency10", "latency100"}
	return []peer{
		{id: "gale", name: "**gale ws**", program: "gale", args: []string{"-mode", "loop"}, protocol: load.Plain, works: library},
		{id: "gale-std", name: "gale ws, on net/http", program: "gale", args: []string{"-mode", "std"}, protocol: load.Plain, works: library},
		{id: "gorilla", name: "gorilla", program: "gorilla", protocol: load.Plain, module: "github.com/gorilla/websocket", works: library},
		{id: "coder", name: "coder", program: "coder", protocol: load.Plain, module: "github.com/coder/websocket", works: library},
		{id: "gobwas", name: "gobwas", program: "gobwas", protocol: load.Plain, module: "github.com/gobwas/ws", works: library},
		{id: "gws", name: "gws", program: "gws", protocol: load.Plain, module: "github.com/lxzan/gws", works: library},
		{id: "nbio", name: "nbio", program: "nbio", protocol: load.Plain, module: "github.com/lesismal/nbio", works: library},
		// Tornado 6.2 overlooks what asks it to keep no context between messages.
		{id: "tornado", name: "Tornado", program: programTornado, protocol: load.Plain, works: []string{"idle", "broadcast", "echo64", "echo16k"}},
		{id: "hub", name: "**gale hub**", program: "hub", args: []string{"-mode", "loop"}, protocol: load.Hub, works: hub},
		{id: "hub-std", name: "gale hub, on net/http", program: "hub", args: []string{"-mode", "std"}, protocol: load.Hub, works: hub},
		{id: "centrifuge", name: "centrifuge", program: "centrifuge", protocol: load.Centrifuge, module: "github.com/centrifugal/centrifuge", works: hub},
		{
			id: "centrifuge-5ms", name: "centrifuge, WriteDelay 5 ms", program: "centrifuge", args: []string{"-write-delay", "5ms"}, protocol: load.Centrifuge,
			works: []string{"broadcast", "latency10", "latency100"},
		},
		node("node", "gale hub, one node", "", ""),
		node("nats-embedded", "two nodes, NATS in the first", embedded, "node"),
		node("nats", "two nodes, a NATS server", "nats://127.0.0.1:4222", "node"),
		node("valkey", "two nodes, Valkey or Redis", "redis://127.0.0.1:6379", "node"),
		node("node-history", "gale hub, one node, history of 100", "", "", "-history", "100"),
		node("nats-embedded-history", "two nodes, NATS in the first, history of 100", embedded, "node-history", "-history", "100"),
	}
}
