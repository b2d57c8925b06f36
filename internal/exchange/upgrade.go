package exchange

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/internal/upgrade"
)

// Upgrader is a [Wire] that serves upgraded connections itself.
type Upgrader interface {
	// Upgrade gives the connection to p from when the exchange has ended, also
	// when it ends badly: Outcome.Upgraded says so.
	Upgrade(p upgrade.Protocol) upgrade.Socket
}

var (
	errNot101   = errors.New("exchange: an upgrade begins with WriteHeader(http.StatusSwitchingProtocols)")
	errBodyLeft = errors.New("exchange: the request that is to be upgraded has more of a body than can be read off")
)

// Upgrade implements upgrade.Upgrader. What the client has sent behind its
// request is p's; a body of the request is read off before, if it is short.
func (w *response) Upgrade(p upgrade.Protocol) (upgrade.Socket, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return nil, err
	}
	wire, ok := w.wire.(Upgrader)
	if !ok {
		return nil, upgrade.ErrNoUpgrade
	}
	if w.status != http.StatusSwitchingProtocols {
		return nil, errNot101
	}
	if err := w.x.body.end(); err != nil {
		return nil, err
	}
	w.waiting = 0
	w.emitHead()
	if err := w.flush(); err != nil {
		return nil, err
	}
	socket := wire.Upgrade(p)
	w.hijacked, w.upgraded = true, true
	w.release()
	w.x.ctx.unlink()
	return socket, nil
}

// end ends the body, so that what comes next is not of the request.
func (b *body) end() error {
	if !b.x.hasBody {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.eof && !b.expects {
		if err := b.readOff(maxUnread); err != nil {
			return err
		}
	}
	if !b.eof {
		return errBodyLeft
	}
	b.closed = true
	return nil
}

var _ upgrade.Upgrader = (*response)(nil)
