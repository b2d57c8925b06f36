package models

import (
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a packet.
const (
	MaxPayload  = 64 << 10 // bytes of JSON
	MaxKind     = 64       // bytes
	MaxClientID = 128      // bytes
	MaxBatch    = 1000     // packets in one JSON array
)

// Draft is a packet as a sender hands it in.
type Draft struct {
	// Kind names what the payload is, such as "cpu" or "door.open".
	Kind string `json:"kind"`
	// Payload is a JSON object of at most [MaxPayload] bytes.
	Payload jsontext.Value `json:"payload"`
	// ClientID makes a retry safe: a second packet of the same sender with the
	// same id in the same channel is not stored again. Optional.
	ClientID string `json:"client_id,omitzero"`
}

// Packet is a stored packet.
type Packet struct {
	ID        int64          `json:"id"`
	Kind      string         `json:"kind"`
	Sender    string         `json:"sender"`
	Payload   jsontext.Value `json:"payload"`
	ClientID  string         `json:"client_id,omitzero"`
	CreatedAt time.Time      `json:"created_at"`
}

// Receipt is what a sender learns of one draft.
type Receipt struct {
	ID        int64 `json:"id"`
	Duplicate bool  `json:"duplicate,omitzero"` // stored before, under this id
}

// Flaw is what is wrong with a draft: Pointer is the JSON pointer of the place.
type Flaw struct{ Pointer, Code, Detail string }

var kindPattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// Check returns everything that is wrong with d.
func (d Draft) Check() []Flaw {
	var flaws []Flaw
	switch {
	case d.Kind == "":
		flaws = append(flaws, Flaw{"/kind", "required", "is required"})
	case len(d.Kind) > MaxKind:
		flaws = append(flaws, Flaw{"/kind", "max", "must be at most 64 bytes"})
	case !kindPattern.MatchString(d.Kind):
		flaws = append(flaws, Flaw{"/kind", "pattern", "must be letters, digits, '.', '_' or '-', and begin and end with a letter or digit"})
	}
	switch {
	case len(d.Payload) == 0:
		flaws = append(flaws, Flaw{"/payload", "required", "is required"})
	case d.Payload.Kind() != '{':
		flaws = append(flaws, Flaw{"/payload", "type", "must be a JSON object"})
	case len(d.Payload) > MaxPayload:
		flaws = append(flaws, Flaw{"/payload", "max", "must be at most 65536 bytes"})
	}
	switch {
	case len(d.ClientID) > MaxClientID:
		flaws = append(flaws, Flaw{"/client_id", "max", "must be at most 128 bytes"})
	case !printable(d.ClientID):
		flaws = append(flaws, Flaw{"/client_id", "pattern", "must be printable UTF-8"})
	}
	return flaws
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// SentPacket is a packet with the channel that it was sent to.
type SentPacket struct {
	Channel string `json:"channel"`
	Packet
}
