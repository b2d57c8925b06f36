// Package obs lets the operator see: logs, metrics, health, profiles and stalls.
//
//	log := obs.NewLogger(os.Stderr, obs.LogOptions{JSON: production})
//	metrics, health := obs.NewMetrics(), obs.NewHealth()
//	health.Add("database", db.Ping)
//	handler = metrics.Middleware(handler)
//	ops := obs.NewOps(obs.OpsOptions{Metrics: metrics, Health: health})
//
// [Request] holds the facts of the request being served (id, route, user); every
// log record made with its context carries them, and [Metrics] takes the route
// from it. [NewOps] returns the handler of the ops listener: /metrics, /livez,
// /readyz, /debug/pprof/ and /debug/stalls; whoever opens that listener binds it
// to loopback or a private address, never to the public one. [StallWatch] finds
// handlers that do not return, and says where they stand.
//
// Everything here is safe for concurrent use.
//
// # Security
//
// Logs: the value of an attribute whose key looks like a secret is written as
// [redacted], at any depth of groups, maps and structs, and so are credentials
// in URLs, DSNs and Bearer headers inside of texts. It is a net, not a licence
// to log secrets: a password in a message of another shape passes. In neither
// form can a text start a line of its own or drive the terminal.
//
// Ops: a request for a host name other than localhost is refused, so that a web
// page cannot reach the listener by DNS rebinding, and so is one that a browser
// marks as coming from another site. There is no authentication. Profiles come
// from runtime/pprof: net/http/pprof would also register itself on
// [net/http.DefaultServeMux], which the application may serve to the world. The
// Prometheus client does so with expvar's /debug/vars; do not serve that mux.
//
// # Limits
//
// Metrics have at most 1,000 routes, 10 methods and 6 classes, whatever clients
// send. A process has one flight recorder: of two watches one has traces. Log
// records are written in the caller's goroutine: a writer that blocks blocks it.
package obs
