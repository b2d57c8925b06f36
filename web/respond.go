package web

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Text sends s as text/plain; charset=utf-8. The error is that of writing to
// the client.
func Text(w http.ResponseWriter, status int, s string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return send(w, status, s)
}

// HTML sends page as text/html; charset=utf-8, as it is: whatever came from a
// user must have been escaped by whoever made page. The error is that of
// writing to the client.
func HTML(w http.ResponseWriter, status int, page string) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return send(w, status, page)
}

// WriteJSON sends v in JSON, encoded by the rules of json/v2: a nil slice is
// [] and a nil map {}. The Content-Type is application/json unless one was set
// before. v is encoded as a whole before anything is sent, so an error of
// encoding is still an ordinary error response.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("web: encode %T: %w", v, err)
	}
	if h := w.Header(); h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	return send(w, status, body)
}

// send writes a whole response, with its length and without sniffing.
func send[B []byte | string](w http.ResponseWriter, status int, body B) error {
	h := w.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	var err error
	switch body := any(body).(type) {
	case []byte:
		_, err = w.Write(body)
	case string:
		_, err = io.WriteString(w, body)
	}
	return err
}

// clip cuts s to at most n bytes, at a rune's edge, and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
