package engine

import "net/http"

// refusePreface answers the first line of HTTP/2 without TLS ("PRI * HTTP/2.0"),
// which net/http hands to the handler as a request so that h2c packages can
// take the connection over. No handler should meet it.
func refusePreface(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PRI" && r.RequestURI == "*" {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
			return
		}
		next.ServeHTTP(w, r)
	})
}
