package hub

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/ws"
)

// Subprotocol is the WebSocket subprotocol of docs/hub-protocol.md.
const Subprotocol = "gale.hub.v1"

// Codes of error messages, as the protocol names them.
const (
	codeBadMessage    = "bad_message"
	codeUnknownTopic  = "unknown_topic"
	codeForbidden     = "forbidden"
	codeUnavailable   = "unavailable"
	codeTooMany       = "too_many_subscriptions"
	codeSubscribed    = "already_subscribed"
	codeNotSubscribed = "not_subscribed"
)

// request is any message from a client.
type request struct {
	Type   string `json:"type"`
	Topic  string `json:"topic"`
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
	Recent int    `json:"recent"`
}

// parseRequest refuses members that it does not know: a client that asks for
// more than this version can do should hear of it.
func parseRequest(data []byte) (request, error) {
	var r request
	err := json.UnmarshalRead(bytes.NewReader(data), &r, json.RejectUnknownMembers(true))
	if errors.Is(err, io.EOF) {
		err = errors.New("empty message")
	}
	if err == nil && r.Recent < 0 {
		err = errors.New("recent is negative")
	}
	return r, err
}

// reply is any message to a client save "messages".
type reply struct {
	Type      string  `json:"type"`
	Topic     string  `json:"topic,omitzero"`
	Epoch     string  `json:"epoch,omitzero"`
	Offset    *uint64 `json:"offset,omitzero"`
	Recovered *bool   `json:"recovered,omitzero"`
	Code      string  `json:"code,omitzero"`
	Message   string  `json:"message,omitzero"`
}

func (r reply) encode() *ws.Prepared {
	// A struct of strings and numbers always encodes.
	data, _ := json.Marshal(r, jsontext.AllowInvalidUTF8(true))
	return prepare(data)
}

// prepare frames JSON. What a broker brought from elsewhere might be no UTF-8,
// which must harm neither the publisher nor the connection.
func prepare(data []byte) *ws.Prepared {
	p, err := ws.Prepare(ws.Message{Data: data})
	if err != nil {
		p, _ = ws.Prepare(ws.Message{Data: bytes.ToValidUTF8(data, []byte("\uFFFD"))})
	}
	return p
}

// appendMessages appends a "messages" message. Names and epochs need no
// escaping, and data is JSON already.
func appendMessages(dst []byte, name, epoch string, missed uint64, entries []Entry) []byte {
	dst = append(dst, `{"type":"messages","topic":"`...)
	dst = append(dst, name...)
	dst = append(dst, `","epoch":"`...)
	dst = append(dst, epoch...)
	dst = append(dst, '"')
	if missed > 0 {
		dst = append(dst, `,"missed":`...)
		dst = strconv.AppendUint(dst, missed, 10)
	}
	dst = append(dst, `,"items":[`...)
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"offset":`...)
		dst = strconv.AppendUint(dst, e.Offset, 10)
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Data...)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}
