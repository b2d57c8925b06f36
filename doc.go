// Package gale runs a service: [Run] opens the listeners, wraps the handler in
// the default middleware, serves, and on a signal drains in order and ends.
//
//	func main() {
//		r := router.New()
//		r.Get("/{$}", func(w http.ResponseWriter, r *http.Request) error {
//			return web.Text(w, http.StatusOK, "hello, wind\n")
//		})
//		if err := gale.Run(context.Background(), r, gale.Options{}); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// The handler is any [net/http.Handler]; the other packages of the module are
// used by themselves, and nothing here wires them together.
//
// # Start
//
// All listeners are opened before anything is served: a port in use is an error
// at once. Sockets that systemd passed (LISTEN_FDS) come before Options.Addr.
// Then the ops listener with metrics, health and profiles starts, the server
// starts, systemd is told READY=1, and a banner says what runs where and what is
// off or unsafe: for people in development, as one log record in production.
//
// # End
//
// On SIGINT, SIGTERM or the end of the context: readiness turns to 503 and
// systemd is told STOPPING=1; after Options.DrainDelay no connection is accepted
// any more, the OnDrain functions run, and requests under way have until
// Options.DrainTimeout; what is left then is cut off; last run the Close
// functions, in reverse order. A second signal cuts everything short. An
// orderly end is a nil error; otherwise the error names what did not finish.
//
// # Security
//
// In development the service listens on loopback only. The ops listener has no
// authentication and refuses any address but loopback unless
// Options.AllowPublicOps is set. The default chain is that of package
// middleware, limits of connections are those of package engine.
//
// # Limits
//
// The garbage collector's percent, which Run sets unless Options.KeepGC says
// otherwise, and the flight recorder of the stall watch are the process's.
//
// Once a process has sockets from systemd or a signal handler these are global:
// call Run once in a process, or give it Listeners and Signals, as tests do.
package gale
