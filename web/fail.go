package web

import "net/http"

// Fail answers r with err. (The web helper completes this.)
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
