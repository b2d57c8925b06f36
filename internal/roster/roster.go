// Package roster counts who is present on several nodes, each of which says so
// for itself. It does no I/O. A [Roster] is for one goroutine at a time.
package roster

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxNamed is how many members a node names to the others; the rest it counts.
const maxNamed = 1000

// Member is one connection.
type Member struct {
	User  string         `json:"user,omitzero"`
	Conn  string         `json:"conn"`
	Since int64          `json:"since"` // milliseconds since 1970
	Info  jsontext.Value `json:"info,omitzero"`
}

// node is what another node says.
type node struct {
	Users       int      `json:"users"`
	Connections int      `json:"connections"`
	Members     []Member `json:"members"`
}

// Roster is who is there. Make one by [New].
type Roster struct {
	mine   map[string]Member // by Conn
	others map[string]node
	// users counts the named connections of each user.
	users map[string]int
	// What other nodes have counted and not named.
	unnamedUsers, unnamedConnections, named int
}

// New returns one without anybody.
func New() *Roster {
	return &Roster{mine: make(map[string]Member), others: make(map[string]node), users: make(map[string]int)}
}

// Join adds one of this node's, Leave removes him and says who he was.
func (r *Roster) Join(m Member) {
	r.mine[m.Conn] = m
	r.count(m, 1)
}

// Leave is the opposite of Join; ok is false when he was not there.
func (r *Roster) Leave(conn string) (m Member, ok bool) {
	if m, ok = r.mine[conn]; ok {
		delete(r.mine, conn)
		r.count(m, -1)
	}
	return m, ok
}

func (r *Roster) count(m Member, n int) {
	if m.User == "" {
		return
	}
	if r.users[m.User] += n; r.users[m.User] == 0 {
		delete(r.users, m.User)
	}
}

// Mine encodes what this node says; nothing when nobody is here.
func (r *Roster) Mine() []byte {
	if len(r.mine) == 0 {
		return nil
	}
	n := node{Connections: len(r.mine)}
	users := make(map[string]bool)
	for _, m := range r.mine {
		if m.User != "" {
			users[m.User] = true
		}
		if len(n.Members) < maxNamed {
			n.Members = append(n.Members, m)
		}
	}
	n.Users = len(users)
	data, _ := json.Marshal(n, jsontext.AllowInvalidUTF8(true)) // texts, numbers and JSON always encode
	return data
}

// Others takes what all nodes say, by node, and returns who came and who left.
// lost is true when a whole node has gone. What cannot be read counts as
// nothing said.
func (r *Roster) Others(said map[string][]byte, self string) (joined, left []Member, lost bool) {
	fresh := make(map[string]node)
	for name, data := range said {
		var n node
		if name != self && json.Unmarshal(data, &n) == nil {
			fresh[name] = n
		}
	}
	for name := range r.others {
		_, there := fresh[name]
		lost = lost || !there
	}
	before, now := byConn(r.others), byConn(fresh)
	for conn, m := range before {
		if _, there := now[conn]; !there {
			left = append(left, m)
			r.count(m, -1)
		}
	}
	for conn, m := range now {
		if _, there := before[conn]; !there {
			joined = append(joined, m)
			r.count(m, 1)
		}
	}
	r.others, r.named, r.unnamedUsers, r.unnamedConnections = fresh, len(now), 0, 0
	for _, n := range fresh {
		r.unnamedConnections += max(n.Connections-len(n.Members), 0)
		if n.Connections > len(n.Members) {
			r.unnamedUsers += max(n.Users-distinct(n.Members), 0)
		}
	}
	return joined, left, lost
}

func byConn(nodes map[string]node) map[string]Member {
	all := make(map[string]Member)
	for _, n := range nodes {
		for _, m := range n.Members {
			all[m.Conn] = m
		}
	}
	return all
}

func distinct(members []Member) int {
	users := make(map[string]bool)
	for _, m := range members {
		if m.User != "" {
			users[m.User] = true
		}
	}
	return len(users)
}

// Here reports whether somebody of this node is there.
func (r *Roster) Here() bool { return len(r.mine) > 0 }

// Counts returns the number of users, and of connections. A user whom several
// large nodes do not name is counted by each.
func (r *Roster) Counts() (users, connections int) {
	return len(r.users) + r.unnamedUsers, len(r.mine) + r.named + r.unnamedConnections
}

// Members returns at most limit members, the first comers of those first.
func (r *Roster) Members(limit int) []Member {
	all := make([]Member, 0, min(limit, len(r.mine)+r.named))
	take := func(m Member) bool {
		if len(all) < limit {
			all = append(all, m)
		}
		return len(all) < limit
	}
	for _, m := range r.mine {
		if !take(m) {
			break
		}
	}
	for _, n := range r.others {
		for _, m := range n.Members {
			if !take(m) {
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Conn, b.Conn))
	})
	return all
}
