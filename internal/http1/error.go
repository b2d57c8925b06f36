package http1

import "strconv"

// Error is a message that was refused, and how to say so. Use errors.As to
// find it in a wrapped error. An Error is not changed after it was returned.
type Error struct {
	// Status is the status code of the answer, 400 to 599. The connection must
	// be closed after it: where the next message starts is not known.
	Status int
	// Kind is a stable label for metrics, in snake case, such as
	// "both_lengths". It never holds bytes of the peer.
	Kind string
	// Reason is a short English sentence for people. It never holds bytes of
	// the peer.
	Reason string
}

// Error returns the status, the kind and the reason.
func (e *Error) Error() string {
	return "http1: " + strconv.Itoa(e.Status) + " " + e.Kind + ": " + e.Reason
}

func bad(kind, reason string) *Error {
	return &Error{Status: 400, Kind: kind, Reason: reason}
}
