// Package plainhttp is the benchmark's handler for servers that take an
// http.Handler. It has no router: engines are compared, and those that bring a
// router register its parts there.
package plainhttp

import (
	"io"
	"net/http"

	"github.com/galeweb/gale/bench/http/internal/peer"
)

// Handler answers all endpoints. The zero value is ready.
type Handler struct{ mixed peer.Mixed }

// ServeHTTP answers by the path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/plain":
		h.Plain(w, r)
	case "/json":
		h.JSON(w, r)
	case "/sleep":
		h.Sleep(w, r)
	case "/mixed":
		h.Mixed(w, r)
	default:
		http.NotFound(w, r)
	}
}

// Plain answers at once.
func (h *Handler) Plain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, peer.Hello)
}

// JSON echoes a packet.
func (h *Handler) JSON(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		body, err = peer.Echo(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// Sleep blocks, then answers as Plain.
func (h *Handler) Sleep(w http.ResponseWriter, r *http.Request) {
	peer.Block()
	h.Plain(w, r)
}

// Mixed blocks now and then, and answers as Plain.
func (h *Handler) Mixed(w http.ResponseWriter, r *http.Request) {
	h.mixed.Block()
	h.Plain(w, r)
}
