package hub

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed client.js
var clientJS string

// ClientJS serves the browser's client, an ES module without dependencies:
//
//	mux.Handle("GET /hub.js", hub.ClientJS())
//
//	import { connect } from "/hub.js";
//	const hub = connect("/live");
//	hub.subscribe("packets/7", packet => show(packet), { lost: reload });
func ClientJS() http.Handler {
	sum := sha256.Sum256([]byte(clientJS))
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache") // asked for again each time, answered 304
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(clientJS))
	})
}
