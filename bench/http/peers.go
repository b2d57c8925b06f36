package main

import "slices"

// peer is one server to compare, as it is configured.
type peer struct {
	id      string // for -peers
	name    string // in the tables
	program string // folder of servers; or one of the two below
	args    []string
	// ownGC leaves GOGC unset, where all other servers in Go get the same.
	ownGC  bool
	module string   // whose version is told
	works  []string // ids of the works that it does
}

// The servers that are not in Go.
const (
	programC       = "c"
	programTornado = "tornado"
)

// golang says whether the peer is written in Go, and so has a collector that
// GOGC sets and can count allocations.
func (p peer) golang() bool { return p.program != programC && p.program != programTornado }

// asked says whether the peer answers questions.
func (p peer) asked() bool { return p.program != programC }

func (p peer) does(w work) bool { return slices.Contains(p.works, w.id) }

// peers returns all servers in the order of the tables.
func peers() []peer {
	throughput := []string{"plain", "plain512", "json", "browser", "pipelined", "blocking"}
	with := func(more ...string) []string { return append(slices.Clone(throughput), more...) }
	everything := with("other", "idle10k", "idle19k", "idletls", "allocs", "allocs13")
	// Those on net/http or fasthttp hold connections as these do.
	framework := with("allocs", "allocs13")
	noTLS := with("other", "idle10k", "idle19k", "allocs", "allocs13")
	// Those that parse nothing are a limit, and answer one thing.
	limit := []string{"plain", "plain512", "browser", "pipelined"}
	gc := []string{"plain", "json", "browser"}
	return []peer{
		{id: "c", name: "C epoll (limit)", program: programC, works: limit},
		{id: "gnet", name: "gnet raw (limit)", program: "gnet", module: "github.com/panjf2000/gnet/v2", works: append(slices.Clone(limit), "idle10k", "idle19k", "allocs", "allocs13")},
		{id: "gale", name: "**gale**", program: "gale", args: []string{"-mode", "loop"}, works: everything},
		{id: "gale-pool", name: "gale, mode pool", program: "gale", args: []string{"-mode", "pool"}, works: everything},
		{id: "gale-gc", name: "gale, own GC default", program: "gale", args: []string{"-mode", "loop"}, ownGC: true, works: gc},
		{id: "fasthttp", name: "fasthttp", program: "fasthttp", module: "github.com/valyala/fasthttp", works: everything},
		{id: "fasthttp-gc", name: "fasthttp, GOGC unset", program: "fasthttp", ownGC: true, works: gc},
		{id: "fiber", name: "Fiber", program: "fiber", module: "github.com/gofiber/fiber/v3", works: framework},
		{id: "hertz", name: "Hertz", program: "hertz", module: "github.com/cloudwego/hertz", works: noTLS},
		{id: "nbio", name: "nbio, http.Handler", program: "nbio", module: "github.com/lesismal/nbio", works: noTLS},
		{id: "nethttp", name: "net/http", program: "nethttp", works: everything},
		{id: "nethttp-gc", name: "net/http, GOGC unset", program: "nethttp", ownGC: true, works: gc},
		{id: "chi", name: "chi", program: "chi", module: "github.com/go-chi/chi/v5", works: framework},
		{id: "echo", name: "Echo", program: "echo", module: "github.com/labstack/echo/v5", works: framework},
		{id: "gin", name: "Gin", program: "gin", module: "github.com/gin-gonic/gin", works: framework},
		{id: "tornado", name: "Tornado", program: programTornado, works: with("other", "idle10k", "idle19k", "idletls")},
	}
}
