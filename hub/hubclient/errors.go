package hubclient

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/ws"
)

var (
	// ErrClosed is returned after [Client.Close].
	ErrClosed = errors.New("hubclient: client is closed")
	// ErrRefused ends a client that the server does not want: its token or
	// session is not good, or was withdrawn.
	ErrRefused = errors.New("hubclient: the server refuses this client")
	// ErrDisconnected is returned by a call whose connection was lost before
	// the answer came: it may have been carried out.
	ErrDisconnected = errors.New("hubclient: connection was lost before the answer came")
	// ErrSubscribed is returned for a second subscription to a topic.
	ErrSubscribed = errors.New("hubclient: already subscribed")
)

// Error is what the server answers to a call or subscription that fails, or
// says when it ends a subscription.
type Error struct {
	// Code is for programs: "forbidden", "unknown_topic", "invalid", "revoked",
	// … as docs/hub-protocol.md lists them, or one of the application.
	Code string
	// Message is for people.
	Message string
	// Data is what a call's answer has besides: for "invalid" the problems by
	// field.
	Data jsontext.Value
}

// Error returns the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("hubclient: %s: %s", e.Code, e.Message) }

// LostError stands among the messages where some are missing. More follow it.
type LostError struct {
	// Missed is how many. 0 is an unknown number: load the state afresh.
	Missed uint64
}

// Error returns how many messages were lost.
func (e *LostError) Error() string {
	if e.Missed == 0 {
		return "hubclient: messages were lost"
	}
	return fmt.Sprintf("hubclient: %d messages were lost", e.Missed)
}

// refused turns the end of a connection, or of the attempt to make one, into
// ErrRefused when trying again would not help.
func refused(err error) error {
	if e, ok := errors.AsType[*ws.CloseError](err); ok && e.Code == ws.CodePolicy {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if e, ok := errors.AsType[*ws.HandshakeError](err); ok &&
		(e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
