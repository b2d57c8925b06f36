package hub

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/mailbox"
)

// Subprotocol is the WebSocket subprotocol of docs/hub-protocol.md.
const Subprotocol = "gale.hub.v1"

// Codes of error messages, as the protocol names them.
const (
	codeBadMessage      = "bad_message"
	codeUnauthenticated = "unauthenticated"
	codeUnknownTopic    = "unknown_topic"
	codeForbidden       = "forbidden"
	codeUnavailable     = "unavailable"
	codeTooMany         = "too_many_subscriptions"
	codeSubscribed      = "already_subscribed"
	codeNotSubscribed   = "not_subscribed"
	codeRevoked         = "revoked"
	codeUnknownMethod   = "unknown_method"
	codeInvalid         = "invalid"
	codeTimeout         = "timeout"
	codeFailed          = "failed"
)

// request is any message from a client.
type request struct {
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

// parseRequest refuses members that it does not know: a client that asks for
// more than this version can do should hear of it.
func parseRequest(data []byte) (request, error) {
	var r request
	err := json.UnmarshalRead(bytes.NewReader(data), &r, json.RejectUnknownMembers(true))
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("empty message")
	case err != nil:
	case r.Recent < 0 || r.Timeout < 0:
		err = errors.New("a number is negative")
	case r.Type == "call" && (r.ID == 0 || r.ID > 1<<53-1):
		err = errors.New("id is not a positive integer")
	case r.Type != "call" && len(data) > maxRequest:
		err = errors.New("message is too long")
	}
	return r, err
}

// The messages to a client, save "messages". Those of presence are in
// presence.go.
type (
	subscribedMessage struct {
		Type      string `json:"type"`
		Topic     string `json:"topic"`
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered *bool  `json:"recovered,omitzero"`
	}
	errorMessage struct {
		Type    string `json:"type"`
		Topic   string `json:"topic,omitzero"`
		ID      uint64 `json:"id,omitzero"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data,omitzero"`
	}
	// plainMessage is "welcome", "pong", "unsubscribed" and
	// "reconnect".
	plainMessage struct {
		Type  string `json:"type"`
		Topic string `json:"topic,omitzero"`
		Code  string `json:"code,omitzero"`
		After int64  `json:"after,omitzero"` // milliseconds
	}
	resultMessage struct {
		Type string         `json:"type"`
		ID   uint64         `json:"id"`
		Data jsontext.Value `json:"data,omitzero"`
	}
)

// subscribed says that the stream goes on behind at.
func subscribed(topic string, at Position, recovered *bool) *message {
	m := encode(subscribedMessage{"subscribed", topic, at.Epoch, at.Offset, recovered})
	m.Topic, m.At = topic, mailbox.Mark(at)
	return m
}

// ended says that no message of the topic follows.
func ended(topic, code string) *message {
	m := encode(plainMessage{Type: "unsubscribed", Topic: topic, Code: code})
	m.Topic = topic
	return m
}

// encode returns the message of one of the types above, which are strings,
// numbers and JSON, and always encode.
func encode(v any) *message {
	data, _ := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	return newMessage(data)
}

// newMessage makes a message of JSON. What a broker brought from elsewhere might
// be no UTF-8, which must harm neither the publisher nor the connection.
func newMessage(data []byte) *message {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	return &message{Message: mailbox.Message{Data: data}}
}

// newMessages makes a "messages" message. Names and epochs need no escaping,
// and data is JSON already.
func newMessages(name, epoch string, missed uint64, entries []Entry) *message {
	size := 64 + len(name) + len(epoch)
	for i := range entries {
		size += 40 + len(entries[i].Data)
	}
	dst := append(make([]byte, 0, size), `{"type":"messages","topic":"`...)
	dst = append(dst, name...)
	dst = append(dst, `","epoch":"`...)
	dst = append(dst, epoch...)
	dst = append(dst, '"')
	if missed > 0 {
		dst = append(dst, `,"missed":`...)
		dst = strconv.AppendUint(dst, missed, 10)
	}
	dst = append(dst, `,"items":[`...)
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"offset":`...)
		dst = strconv.AppendUint(dst, entries[i].Offset, 10)
		dst = append(dst, `,"data":`...)
		dst = append(dst, entries[i].Data...)
		dst = append(dst, '}')
	}
	m := newMessage(append(dst, `]}`...))
	if epoch != "" {
		m.Topic, m.At = name, mailbox.Mark{Epoch: epoch, Offset: entries[len(entries)-1].Offset}
	}
	return m
}
