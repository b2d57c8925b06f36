// Package hubwire is the messages of docs/hub-protocol.md as Go values. It does
// no I/O, and its values may be shared once they are made.
package hubwire

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/roster"
)

// Codes of errors.
const (
	CodeBadMessage      = "bad_message"
	CodeUnauthenticated = "unauthenticated"
	CodeUnknownTopic    = "unknown_topic"
	CodeForbidden       = "forbidden"
	CodeUnavailable     = "unavailable"
	CodeTooMany         = "too_many_subscriptions"
	CodeSubscribed      = "already_subscribed"
	CodeNotSubscribed   = "not_subscribed"
	CodeRevoked         = "revoked"
	CodeUnknownMethod   = "unknown_method"
	CodeInvalid         = "invalid"
	CodeTimeout         = "timeout"
	CodeFailed          = "failed"
)

// MaxRequest is the largest message from a client that is not a call, in bytes:
// a subscribe with the longest name is under 1 KiB.
const MaxRequest = 4 << 10

// Request is any message from a client.
type Request struct {
	Type     string         `json:"type"`
	Topic    string         `json:"topic"`
	Epoch    string         `json:"epoch"`
	Offset   uint64         `json:"offset"`
	Recent   int            `json:"recent"`
	Presence bool           `json:"presence"`
	Token    string         `json:"token"`
	ID       uint64         `json:"id"`
	Method   string         `json:"method"`
	Data     jsontext.Value `json:"data"`
	Timeout  int            `json:"timeout"` // milliseconds
}

// Parse refuses members that it does not know: a client that asks for more than
// this version can do should hear of it. What could be read is returned with the
// error.
func Parse(data []byte) (Request, error) {
	var r Request
	err := json.UnmarshalRead(bytes.NewReader(data), &r, json.RejectUnknownMembers(true))
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("hubwire: message is empty")
	case err != nil:
	case r.Recent < 0 || r.Timeout < 0:
		err = errors.New("hubwire: a number is negative")
	case r.Type == "call" && (r.ID == 0 || r.ID > 1<<53-1):
		err = errors.New("hubwire: id is not a positive integer")
	case r.Type != "call" && len(data) > MaxRequest:
		err = errors.New("hubwire: message is too long")
	}
	return r, err
}

// The messages to a client, save "messages", which is written piece by piece.
type (
	// Subscribed is "subscribed".
	Subscribed struct {
		Type      string `json:"type"`
		Topic     string `json:"topic"`
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered *bool  `json:"recovered,omitzero"`
	}
	// Error is "error".
	Error struct {
		Type    string `json:"type"`
		Topic   string `json:"topic,omitzero"`
		ID      uint64 `json:"id,omitzero"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data,omitzero"`
	}
	// Plain is "welcome", "pong", "unsubscribed" and "reconnect".
	Plain struct {
		Type  string `json:"type"`
		Topic string `json:"topic,omitzero"`
		Code  string `json:"code,omitzero"`
		After int64  `json:"after,omitzero"` // milliseconds
	}
	// Result is "result".
	Result struct {
		Type string         `json:"type"`
		ID   uint64         `json:"id"`
		Data jsontext.Value `json:"data,omitzero"`
	}
	// Presence is "presence", "joined" and "left".
	Presence struct {
		Type        string          `json:"type"`
		Topic       string          `json:"topic"`
		Member      *roster.Member  `json:"member,omitzero"`
		Members     []roster.Member `json:"members,omitzero"`
		Users       int             `json:"users"`
		Connections int             `json:"connections"`
		Partial     bool            `json:"partial,omitzero"`
	}
)

// Encode returns one of the messages above as JSON. They are texts, numbers and
// JSON, and always encode.
func Encode(message any) []byte {
	data, _ := json.Marshal(message, jsontext.AllowInvalidUTF8(true))
	return data
}
