package web

import "net/http"

// HandlerFunc is a handler that returns its error instead of writing it. It is
// an [http.Handler]: an error becomes a response through the [Renderer] of the
// request, in one place. Return an [*Error] to choose the status and the words
// that the client sees; any other error is a 500 whose text stays in the log.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls f and hands a returned error to [Fail]. It installs a
// [Writer] when no middleware has, so that an error after the first byte is
// noticed everywhere.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if WriterFrom(w) == nil {
		w = Wrap(w)
	}
	if err := f(w, r); err != nil {
		Fail(w, r, err)
	}
}
