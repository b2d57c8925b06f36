package mailbox

import (
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Sub is a subscription that a client asks for.
type Sub struct {
	Topic    string
	At       Mark // whose zero is nowhere
	Recent   int
	Presence bool
}

// ParseSubs reads a list of at most limit subscribe messages. No data are an
// empty list.
func ParseSubs(data []byte, limit int) ([]Sub, error) {
	var messages []struct {
		Type     string `json:"type"`
		Topic    string `json:"topic"`
		Epoch    string `json:"epoch"`
		Offset   uint64 `json:"offset"`
		Recent   int    `json:"recent"`
		Presence bool   `json:"presence"`
	}
	if len(data) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(data, &messages, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if len(messages) > limit {
		return nil, errors.New("mailbox: too many subscriptions")
	}
	subs := make([]Sub, len(messages))
	for i, m := range messages {
		if m.Type != "subscribe" || m.Recent < 0 {
			return nil, errors.New("mailbox: an item is no subscribe message")
		}
		subs[i] = Sub{m.Topic, Mark{m.Epoch, m.Offset}, m.Recent, m.Presence}
	}
	return subs, nil
}

// marks are the positions to which a client was brought, by topic.
type marks map[string]Mark

// note reports whether m moves one.
func (p marks) note(m *Message) bool {
	if m.Topic == "" {
		return false
	}
	if m.At.Epoch == "" {
		delete(p, m.Topic)
	} else {
		p[m.Topic] = m.At
	}
	return true
}

// token is an opaque text from which Resume can go on: {topic: [epoch, offset]}.
func (p marks) token() string {
	plain := make(map[string][2]any, len(p))
	for topic, at := range p {
		plain[topic] = [2]any{at.Epoch, at.Offset}
	}
	data, _ := json.Marshal(plain) // texts and numbers always encode
	return base64.RawURLEncoding.EncodeToString(data)
}

// foreign is an epoch that no broker has.
const foreign = "-"

// Resume sets the positions of subs to those of a token. Where it makes no sense
// they become one that cannot be recovered, so that the client hears that it
// has lost messages. An empty token changes nothing.
func Resume(subs []Sub, token string) {
	if token == "" {
		return
	}
	var plain map[string]jsontext.Value
	data, err := base64.RawURLEncoding.DecodeString(token)
	bad := err != nil || json.Unmarshal(data, &plain) != nil
	for i := range subs {
		pair, ok := plain[subs[i].Topic]
		if ok || bad { // another has no positions, or begins only now
			subs[i].At = parseMark(pair)
		}
	}
}

func parseMark(data []byte) Mark {
	var pair [2]jsontext.Value
	var m Mark
	if json.Unmarshal(data, &pair) != nil || json.Unmarshal(pair[0], &m.Epoch) != nil ||
		json.Unmarshal(pair[1], &m.Offset) != nil || m.Epoch == "" {
		return Mark{Epoch: foreign}
	}
	return m
}
