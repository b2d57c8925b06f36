package hubclient

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/hub"
)

// Presence is who follows a topic.
type Presence struct {
	// Members are the connections, each with its user.
	Members []hub.Member
	// Users counts each user once, and Connections all.
	Users, Connections int
	// Partial says that there are too many to name: Members are some of them,
	// and may have left.
	Partial bool
}

// member is a hub.Member on its way.
type member struct {
	User  string         `json:"user"`
	Conn  string         `json:"conn"`
	Since int64          `json:"since"` // milliseconds since 1970
	Info  jsontext.Value `json:"info"`
}

func (m member) decoded() hub.Member {
	return hub.Member{User: m.User, Conn: m.Conn, Since: time.UnixMilli(m.Since), Info: m.Info}
}

// next returns the presence after a message. What was given away stays as it
// is.
func (p Presence) next(m *incoming) Presence {
	n := Presence{Members: p.Members, Users: m.Users, Connections: m.Connections, Partial: p.Partial}
	if m.Type == "presence" {
		n.Partial = m.Partial
		if len(m.Members) > 0 || !m.Partial {
			n.Members = nil
		}
		for _, x := range m.Members {
			n.Members = append(n.Members, x.decoded())
		}
		return n
	}
	n.Members = slices.DeleteFunc(slices.Clone(p.Members), func(x hub.Member) bool { return x.Conn == m.Member.Conn })
	if m.Type == "joined" {
		n.Members = append(n.Members, m.Member.decoded())
	}
	return n
}
