package obs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"time"
)

const (
	profilePath  = "/debug/pprof/"
	longestTrace = 5 * time.Minute
)

// mountProfiles serves what go tool pprof and go tool trace ask for, as
// net/http/pprof does, except its cmdline, which may hold secrets, its symbol,
// which a profile has not needed since Go 1.9, and differences over ?seconds=,
// for which go tool pprof has -base.
func mountProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET "+profilePath+"{$}", profileIndex)
	mux.HandleFunc("GET "+profilePath+"{name}", profile)
	mux.HandleFunc("GET "+profilePath+"profile", recorder(30*time.Second, pprof.StartCPUProfile, pprof.StopCPUProfile))
	mux.HandleFunc("GET "+profilePath+"trace", recorder(time.Second, trace.Start, trace.Stop))
}

func profileIndex(w http.ResponseWriter, _ *http.Request) {
	paths := []string{profilePath + "profile?seconds=30", profilePath + "trace?seconds=1"}
	for _, p := range pprof.Profiles() {
		paths = append(paths, profilePath+p.Name()+"?debug=1")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, indexPage("profiles", paths))
}

// profile writes a named profile, for people with ?debug=1 or 2; ?gc=1 collects
// garbage before.
func profile(w http.ResponseWriter, r *http.Request) {
	p := pprof.Lookup(r.PathValue("name"))
	if p == nil {
		http.Error(w, "no such profile", http.StatusNotFound)
		return
	}
	if r.FormValue("seconds") != "" {
		http.Error(w, "differences are not made here; take two profiles and use go tool pprof -base", http.StatusBadRequest)
		return
	}
	debug, err := strconv.Atoi(r.FormValue("debug"))
	if err != nil || debug == 0 {
		binary(w, p.Name())
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	if r.FormValue("gc") == "1" {
		runtime.GC()
	}
	_ = p.WriteTo(w, debug) // the client has gone when this fails
}

// recorder writes what is recorded for ?seconds=, or until the client goes.
func recorder(standard time.Duration, start func(io.Writer) error, stop func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d := standard
		if s := r.FormValue("seconds"); s != "" {
			seconds, err := strconv.ParseFloat(s, 64)
			d = time.Duration(seconds * float64(time.Second))
			if err != nil || !(seconds > 0 && seconds <= longestTrace.Seconds()) {
				http.Error(w, fmt.Sprintf("seconds must be above 0 and at most %v", longestTrace.Seconds()), http.StatusBadRequest)
				return
			}
		}
		// Best effort: a server without deadlines needs no later one.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + 30*time.Second))
		binary(w, "profile")
		if err := start(w); err != nil {
			w.Header().Del("Content-Disposition")
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		<-ctx.Done()
		stop()
	}
}

func binary(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
