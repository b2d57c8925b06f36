package hubclient

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// outgoing is any message to the server.
type outgoing struct {
	Type     string         `json:"type"`
	Token    string         `json:"token,omitzero"`
	Topic    string         `json:"topic,omitzero"`
	Epoch    string         `json:"epoch,omitzero"`
	Offset   *uint64        `json:"offset,omitzero"`
	Recent   int            `json:"recent,omitzero"`
	Presence bool           `json:"presence,omitzero"`
	ID       uint64         `json:"id,omitzero"`
	Method   string         `json:"method,omitzero"`
	Data     jsontext.Value `json:"data,omitzero"`
	Timeout  int64          `json:"timeout,omitzero"` // milliseconds
}

func (m outgoing) encode() []byte {
	// Strings, numbers and JSON always encode.
	data, _ := json.Marshal(m, jsontext.AllowInvalidUTF8(true))
	return data
}

// incoming is any message from the server. Members that it does not know are
// passed over, as the protocol asks of clients.
type incoming struct {
	Type        string         `json:"type"`
	Topic       string         `json:"topic"`
	Epoch       string         `json:"epoch"`
	Offset      uint64         `json:"offset"`
	Recovered   *bool          `json:"recovered"`
	Missed      uint64         `json:"missed"`
	Items       []item         `json:"items"`
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	ID          uint64         `json:"id"`
	Data        jsontext.Value `json:"data"`
	After       int64          `json:"after"` // milliseconds
	Member      member         `json:"member"`
	Members     []member       `json:"members"`
	Users       int            `json:"users"`
	Connections int            `json:"connections"`
	Partial     bool           `json:"partial"`
}

type item struct {
	Offset uint64         `json:"offset"`
	Data   jsontext.Value `json:"data"`
}

func (m *incoming) err() *Error {
	return &Error{Code: m.Code, Message: m.Message, Data: m.Data}
}

func (m *incoming) after() time.Duration { return time.Duration(m.After) * time.Millisecond }
