package ws

import (
	"errors"
	"fmt"

	"github.com/galeweb/gale/internal/wsframe"
)

// Close codes of RFC 6455 section 7.4.1 and the IANA registry. Applications
// choose their own from 4000 to 4999.
const (
	CodeNormal         = 1000
	CodeGoingAway      = 1001
	CodeProtocol       = 1002
	CodeUnsupported    = 1003
	CodeNoStatus       = 1005 // reported when the peer gave none; never sent
	CodeInvalidData    = 1007
	CodePolicy         = 1008
	CodeTooBig         = 1009
	CodeInternal       = 1011
	CodeServiceRestart = 1012
	CodeTryLater       = 1013
)

var (
	// ErrClosed is returned by sends after the connection began to close.
	ErrClosed = errors.New("ws: connection is closed")
	// ErrQueueFull is returned by sends when the peer has not read enough of
	// what was sent before. The message was not queued.
	ErrQueueFull = errors.New("ws: send queue is full")
	// ErrPongTimeout is the cause of the end of a connection whose peer did
	// not answer a ping.
	ErrPongTimeout = errors.New("ws: peer did not answer a ping")
	// ErrWriteTimeout is the cause of the end of a connection whose peer did
	// not read.
	ErrWriteTimeout = errors.New("ws: peer does not read")
)

// CloseError is a close frame: as the cause of an end it is the one that the
// peer sent, or else the one that was sent to it; returned from a callback it
// is the one to send.
type CloseError struct {
	Code   int
	Reason string
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("ws: closed with code %d %q", e.Code, e.Reason)
}

// normal reports whether an end is one that people mean when they leave.
func normal(err error) bool {
	e, ok := errors.AsType[*CloseError](err)
	return ok && (e.Code == CodeNormal || e.Code == CodeGoingAway || e.Code == CodeNoStatus)
}

// closeFor returns the close frame that answers an error of a callback or the
// parser. Only a CloseError's words are shown to the peer.
func closeFor(err error) CloseError {
	if e, ok := errors.AsType[*CloseError](err); ok && (wsframe.ValidCode(e.Code) || e.Code == CodeNoStatus) {
		return *e
	}
	if e, ok := errors.AsType[*wsframe.Error](err); ok {
		return CloseError{Code: e.Code, Reason: e.Reason}
	}
	return CloseError{Code: CodeInternal, Reason: "internal error"}
}
