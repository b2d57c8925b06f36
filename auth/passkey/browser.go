package passkey

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed browser/dist/passkey.js
var script string

// JS serves the script that runs the ceremonies for the forms of a page which
// have the attribute data-passkey. It has no dependencies, needs no inline code
// and no exception in a Content-Security-Policy of script-src and connect-src
// 'self', and is a classic script:
//
//	<script src="/passkey.js" defer></script>
//
//	<input name="user" autocomplete="username webauthn">
//	<form data-passkey="sign-in" data-passkey-begin="/passkeys/sign-in/begin"
//	      data-passkey-finish="/passkeys/sign-in/finish" hidden>
//	  <button>Sign in with a passkey</button>
//	  <p data-passkey-status></p>
//	</form>
//
// data-passkey is "register", "sign-in" or "confirm". A form is shown once it is
// known that the browser has WebAuthn. Of a "register" form the field called
// name is sent. With a field whose autocomplete has "webauthn", a passkey can be
// picked among its suggestions. What happens is told in the element with
// data-passkey-status, a live region that is made where it is missing; an
// attribute such as data-passkey-text-cancelled on the form replaces the words,
// where the names are waiting, cancelled, registered, unsupported, insecure,
// offline and failed.
//
// Browsers ask for it again each time and are answered 304, so that it is always
// the script of this server.
func JS() http.Handler {
	sum := sha256.Sum256([]byte(script))
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(script))
	})
}
