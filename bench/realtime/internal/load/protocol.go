package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
)

// Protocol is what is spoken over WebSocket.
type Protocol string

const (
	// Plain has a message in a frame of its own.
	Plain Protocol = "plain"
	// Hub is that of gale's hub, docs/hub-protocol.md.
	Hub Protocol = "hub"
	// Centrifuge is the JSON protocol of centrifuge.
	Centrifuge Protocol = "centrifuge"
)

// Topic is what is subscribed to.
const Topic = peer.Topic

// hello is what a new connection sends first: a message to be echoed, or a
// subscription.
func (p Protocol) hello() ([]byte, error) {
	switch p {
	case Plain:
		return message(0, 0), nil
	case Hub:
		return []byte(`{"type":"subscribe","topic":"` + Topic + `"}`), nil
	case Centrifuge:
		return []byte(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"` + Topic + `"}}`), nil
	}
	return nil, fmt.Errorf("load: no protocol %q", p)
}

// welcomed says whether payload is the last answer to hello.
func (p Protocol) welcomed(payload []byte) (bool, error) {
	has := func(text string) bool { return bytes.Contains(payload, []byte(text)) }
	if p != Plain && has(`"error"`) {
		return false, fmt.Errorf("load: refused: %.200q", payload)
	}
	switch p {
	case Hub:
		return has(`"type":"subscribed"`), nil
	case Centrifuge:
		return has(`"id":2`) && has(`"subscribe":{`), nil
	}
	if !bytes.Equal(payload, message(0, 0)) {
		return false, fmt.Errorf("load: not an echo: %.200q", payload)
	}
	return true, nil
}

// isPing says whether payload is centrifuge's own ping, which must be answered
// by the same.
func (p Protocol) isPing(payload []byte) bool {
	return p == Centrifuge && string(bytes.TrimSpace(payload)) == "{}"
}

// each calls take with what begins with each message in payload.
func (p Protocol) each(payload []byte, take func(b []byte) error) error {
	if p == Plain {
		if len(payload) != Size {
			return fmt.Errorf("load: a message of %d bytes, not %d: %.200q", len(payload), Size, payload)
		}
		return take(payload)
	}
	// Nothing else on the wire has these bytes, so an envelope need not be parsed
	// each time; see check.
	for {
		i := bytes.Index(payload, []byte(numberMark))
		if i < 0 {
			return nil
		}
		payload = payload[i:]
		if err := take(payload); err != nil {
			return err
		}
		payload = payload[Size:]
	}
}

// check parses an envelope as a client would and compares its messages with
// those that each finds in it.
func (p Protocol) check(payload []byte) error {
	var found []string
	if err := p.each(payload, func(b []byte) error {
		if len(b) < Size {
			return errors.New("load: a message is cut off")
		}
		found = append(found, string(b[:Size]))
		return nil
	}); err != nil {
		return err
	}
	parsed, err := p.parse(payload)
	if err != nil {
		return fmt.Errorf("load: envelope %.300q: %w", payload, err)
	}
	if len(parsed) != len(found) {
		return fmt.Errorf("load: %d messages in an envelope of %d: %.300q", len(found), len(parsed), payload)
	}
	for i, m := range parsed {
		if string(m) != found[i] {
			return fmt.Errorf("load: message %.200q, parsed %.200q", found[i], m)
		}
	}
	return nil
}

func (p Protocol) parse(payload []byte) ([]json.RawMessage, error) {
	var all []json.RawMessage
	switch p {
	case Plain:
		all = append(all, payload)
	case Hub:
		var m struct {
			Type, Topic string
			Items       []struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			return nil, err
		}
		if m.Type == "messages" && m.Topic == Topic {
			for _, it := range m.Items {
				all = append(all, it.Data)
			}
		}
	case Centrifuge:
		for line := range bytes.Lines(payload) {
			var m struct {
				Push struct {
					Channel string
					Pub     struct{ Data json.RawMessage }
				}
			}
			if err := json.Unmarshal(line, &m); err != nil {
				return nil, err
			}
			if m.Push.Channel == Topic && m.Push.Pub.Data != nil {
				all = append(all, m.Push.Pub.Data)
			}
		}
	}
	return all, nil
}
