package galeoidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a client may send.
const (
	maxForm      = 32 << 10
	maxParam     = 2 << 10
	maxLongParam = 8 << 10
	maxParams    = 50
)

// longParams may hold a token.
var longParams = map[string]bool{"token": true, "id_token_hint": true, "refresh_token": true, "request": true, "client_assertion": true}

// httpKey is the context key of an exchange: op hands its callbacks neither the
// request nor the writer.
type httpKey struct{}

type exchange struct {
	w http.ResponseWriter
	r *http.Request
}

func exchangeOf(ctx context.Context) exchange {
	e, _ := ctx.Value(httpKey{}).(exchange)
	return e
}

// methods are those of each path.
func methods(path string) []string {
	switch path {
	case pathAuthorize:
		return []string{http.MethodGet, http.MethodHead, http.MethodPost}
	case pathToken, pathIntrospect, pathRevoke:
		return []string{http.MethodPost}
	case pathUserinfo:
		return []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}

// ServeHTTP implements [http.Handler]. Paths are whole, with that of the issuer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, s.prefix)
	if r.URL.Path == pathMetadata+s.prefix {
		path, ok = pathDiscovery, true
	}
	if !ok || !s.served(path) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	// Nothing but the two documents may be kept: not even a redirect, since it
	// carries a code.
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if path != pathAuthorize && path != pathResume {
		// Any page may read these: nothing here acts by a cookie, and without
		// Allow-Credentials no browser sends one.
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	}
	if path == pathAuthorize || path == pathResume {
		errors := &errorPage{ResponseWriter: w}
		defer errors.show(r, s.o.ErrorPage)
		w = errors
	}
	allowed := methods(path)
	if r.Method == http.MethodOptions && h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !slices.Contains(allowed, r.Method) {
		h.Set("Allow", strings.Join(allowed, ", "))
		fail(w, http.StatusMethodNotAllowed, "invalid_request", "The method is not allowed.")
		return
	}
	if status, problem := checkForm(w, r, path); problem != "" {
		fail(w, status, "invalid_request", problem)
		return
	}
	ctx := context.WithValue(r.Context(), httpKey{}, exchange{w, r})
	if path == pathResume {
		s.resume(w, r.WithContext(ctx))
		return
	}
	if path == pathIntrospect && r.Header.Get("Authorization") == "" && r.PostForm.Get("client_secret") == "" {
		unauthorized(w, "invalid_client", "The client must authenticate.")
		return
	}
	if path == pathDiscovery || path == pathJWKS {
		h.Set("Cache-Control", "public, max-age=300")
	}
	inner := r.WithContext(ctx)
	inner.URL = &url.URL{Path: path}
	s.handler.ServeHTTP(w, inner)
}

func (s *Server) served(path string) bool {
	return slices.Contains([]string{
		pathAuthorize, pathResume, pathToken, pathIntrospect, pathRevoke, pathUserinfo, pathJWKS, pathDiscovery,
	}, path)
}

// checkForm parses the form and refuses what no honest client sends: secrets in
// URLs, where logs keep them; parameters twice (RFC 6749, 3.1), of which two
// programs may see a different one; control characters and broken UTF-8, which
// databases and logs take ill; and whatever is too large.
func checkForm(w http.ResponseWriter, r *http.Request, path string) (status int, problem string) {
	if r.Method == http.MethodPost && (r.ContentLength != 0 || path != pathUserinfo) {
		t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || t != "application/x-www-form-urlencoded" {
			return http.StatusUnsupportedMediaType, "The body must be application/x-www-form-urlencoded."
		}
	}
	if len(r.URL.RawQuery) > maxForm {
		return http.StatusRequestURITooLong, "The request is too long."
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge, "The request is too long."
		}
		return http.StatusBadRequest, "The body could not be read."
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseForm(); err != nil {
		return http.StatusBadRequest, "The form is not valid."
	}
	if r.Method == http.MethodPost && r.URL.RawQuery != "" {
		return http.StatusBadRequest, "Parameters of a POST must be in its body."
	}
	if path == pathUserinfo && r.Form.Has("access_token") {
		return http.StatusBadRequest, "The access token must be in the Authorization header."
	}
	if len(r.Form) > maxParams {
		return http.StatusBadRequest, "There are too many parameters."
	}
	for name, values := range r.Form {
		limit := maxParam
		if longParams[name] {
			limit = maxLongParam
		}
		switch v := values[0]; {
		case len(values) > 1:
			return http.StatusBadRequest, "A parameter was sent more than once."
		case len(v) > limit || len(name) > maxScope:
			return http.StatusBadRequest, "A parameter is too long."
		case !utf8.ValidString(v) || !utf8.ValidString(name) || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }):
			return http.StatusBadRequest, "A parameter has characters that are not allowed."
		}
	}
	return 0, ""
}

// fail writes an error of RFC 6749, 5.2.
func fail(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here is that of a connection which is gone.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

func unauthorized(w http.ResponseWriter, code, description string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="oauth", charset="UTF-8"`)
	fail(w, http.StatusUnauthorized, code, description)
}
