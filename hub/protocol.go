package hub

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/mailbox"
)

// Subprotocol is the WebSocket subprotocol of docs/hub-protocol.md.
const Subprotocol = "gale.hub.v1"

// subscribed says that the stream goes on behind at.
func subscribed(topic string, at Position, recovered *bool) *message {
	m := encode(hubwire.Subscribed{Type: "subscribed", Topic: topic, Epoch: at.Epoch, Offset: at.Offset, Recovered: recovered})
	m.Topic, m.At = topic, mailbox.Mark(at)
	return m
}

// ended says that no message of the topic follows.
func ended(topic, code string) *message {
	m := encode(hubwire.Plain{Type: "unsubscribed", Topic: topic, Code: code})
	m.Topic = topic
	return m
}

// encode makes a message of one of hubwire's.
func encode(v any) *message { return newMessage(hubwire.Encode(v)) }

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
