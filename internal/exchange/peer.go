package exchange

import (
	"errors"
	"strings"
	"sync/atomic"
)

// errClientGone is the cause of the context of a request whose client has gone.
var errClientGone = errors.New("exchange: the client has gone")

// What is known of the request's input.
const (
	bodyRead  uint32 = 1 << iota // the body has been read to its end
	peerGone                     // the client sends nothing more
	pipelined                    // another request has come already
)

// input tells when the end of the client's input means that nobody waits for the
// response. As with net/http, that is so only once the body was read, and not
// when a further request has come: then the client may just have closed its
// sending side.
type input struct{ atomic.Uint32 }

// PeerGone says that the client sends nothing more, or, with broken, that it has
// reset the connection. It may be called from any goroutine.
func (x *Exchange) PeerGone(cause error, broken bool) {
	if old := x.input.Or(peerGone); broken || old&(bodyRead|pipelined) == bodyRead {
		x.Cancel(cause)
	}
}

// BodyRead reports whether the body has been read to its end. It may be called
// from any goroutine.
func (x *Exchange) BodyRead() bool { return x.input.Load()&bodyRead != 0 }

// Pipelined says that input has come which may be the next request's. It may be
// called from any goroutine.
func (x *Exchange) Pipelined() { x.input.Or(pipelined) }

// bodyEnded notes that what comes now is not this request's.
func (x *Exchange) bodyEnded() {
	if w, ok := x.body.src.(Wire); ok && len(w.Buffered()) > 0 {
		x.Pipelined()
	}
	if old := x.input.Or(bodyRead); old&(peerGone|pipelined) == peerGone {
		x.Cancel(errClientGone)
	}
}

// Asked returns the method and the path as they came. It may be called from any
// goroutine, whatever the handler does with its request.
func (x *Exchange) Asked() (method, path string) {
	path, _, _ = strings.Cut(x.target, "?")
	return x.method, path
}
