package hub

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed browser/dist/hub.js
var clientModule string

//go:embed browser/dist/hub.global.js
var clientScript string

//go:embed browser/hub.d.ts
var clientTypes string

// ClientJS serves the browser's client, which has no dependencies, by the last
// segment of the path: hub.global.js is a classic script with a global named
// gale, hub.d.ts are the types for TypeScript, anything else is an ES module.
//
//	mux.Handle("GET /hub.js", hub.ClientJS())
//
//	import { connect } from "/hub.js";
//	const hub = connect("/live");
//	hub.subscribe("packets/7", packet => show(packet), { lost: reload });
//
// Browsers ask for it again each time and are answered 304, so that it is
// always the client of this server.
func ClientJS() http.Handler {
	const script = "text/javascript; charset=utf-8"
	files := map[string]http.Handler{
		"hub.global.js": serveClient(script, clientScript),
		"hub.d.ts":      serveClient("text/plain; charset=utf-8", clientTypes),
	}
	module := serveClient(script, clientModule)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cmp.Or(files[path.Base(r.URL.Path)], module).ServeHTTP(w, r)
	})
}

func serveClient(contentType, text string) http.Handler {
	sum := sha256.Sum256([]byte(text))
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	})
}
