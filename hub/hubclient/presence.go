package hubclient

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Member is one connection of a user.
type Member struct {
	User string `json:"user"`
	Conn string `json:"conn"`
	// Since is when it came, in milliseconds since 1970.
	Since int64 `json:"since"`
	// Info is what the server tells of it, as JSON.
	Info jsontext.Value `json:"info"`
}

// Presence is who follows a topic.
type Presence struct {
	Members     []Member
	Users       int
	Connections int
	// Partial says that there are too many to name: Members are some of them,
	// and may have left.
	Partial bool
}

// next returns the presence after a message. What was given away stays as it
// is.
func (p Presence) next(m *incoming) Presence {
	n := Presence{Members: p.Members, Users: m.Users, Connections: m.Connections, Partial: p.Partial}
	if m.Type == "presence" {
		n.Partial = m.Partial
		if m.Members != nil {
			n.Members = m.Members
		}
		return n
	}
	n.Members = slices.DeleteFunc(slices.Clone(p.Members), func(x Member) bool { return x.Conn == m.Member.Conn })
	if m.Type == "joined" {
		n.Members = append(n.Members, m.Member)
	}
	return n
}
