package router

import "net/http"

// node is a position in the tree of path segments. Since conflicting patterns
// are refused, the first route found by trying the literal, then the wildcard,
// then the rest, is the most specific one. Each node belongs to one position
// of a path, so a search visits it at most once: hostile paths cannot make the
// search longer than the tree is large.
type node struct {
	literals literals
	slash    *node // the literal "/", that is {$}
	wild     *node
	rest     leaf
	leaf     leaf
}

// leaf holds the routes of one path, by method.
type leaf struct {
	any    *Route
	routes []*Route
}

// query is what a search looks for, besides the path.
type query struct {
	method  string
	escaped bool // the path is percent-encoded
	slash   bool // search as though the path ended in one more slash
}

func (n *node) add(r *Route) {
	for _, s := range r.pattern.segments {
		switch {
		case s.kind == rest:
			n.rest.add(r)
			return
		case s.kind == wild:
			if n.wild == nil {
				n.wild = new(node)
			}
			n = n.wild
		case s.text == slash:
			if n.slash == nil {
				n.slash = new(node)
			}
			n = n.slash
		default:
			n = n.literals.add(s.text)
		}
	}
	n.leaf.add(r)
}

// find returns the most specific route for path below n, or nil.
func (n *node) find(path string, q query) *Route {
	if path == "" {
		if !q.slash {
			return n.leaf.find(q.method)
		}
		path, q.slash = slash, false
	}
	text, tail := cutSegment(path, q.escaped)
	if text == slash {
		if n.slash != nil {
			if r := n.slash.find(tail, q); r != nil {
				return r
			}
		}
		return n.rest.find(q.method)
	}
	if next := n.literals.find(text); next != nil {
		if r := next.find(tail, q); r != nil {
			return r
		}
	}
	if n.wild != nil {
		if r := n.wild.find(tail, q); r != nil {
			return r
		}
	}
	return n.rest.find(q.method)
}

// methods adds to set the methods of every route that matches path below n.
func (n *node) methods(path string, q query, set map[string]bool) {
	if path == "" {
		if !q.slash {
			n.leaf.methods(set)
			return
		}
		path, q.slash = slash, false
	}
	n.rest.methods(set)
	text, tail := cutSegment(path, q.escaped)
	next := n.literals.find(text)
	if text == slash {
		next = n.slash
	} else if n.wild != nil {
		n.wild.methods(tail, q, set)
	}
	if next != nil {
		next.methods(tail, q, set)
	}
}

func (l *leaf) add(r *Route) {
	if r.pattern.method == "" {
		l.any = r
		return
	}
	l.routes = append(l.routes, r)
}

func (l *leaf) find(method string) *Route {
	if r := l.exact(method); r != nil {
		return r
	}
	if method == http.MethodHead {
		if r := l.exact(http.MethodGet); r != nil {
			return r
		}
	}
	return l.any
}

func (l *leaf) exact(method string) *Route {
	for _, r := range l.routes {
		if r.pattern.method == method {
			return r
		}
	}
	return nil
}

func (l *leaf) methods(set map[string]bool) {
	for _, r := range l.routes {
		set[r.pattern.method] = true
	}
}

// literals maps segments to nodes: few by comparison, many by hash.
type literals struct {
	few  []literalNode
	many map[string]*node
}

type literalNode struct {
	text string
	node *node
}

// fewLiterals is about where the map becomes the quicker of the two.
const fewLiterals = 8

func (l *literals) find(text string) *node {
	if l.many != nil {
		return l.many[text]
	}
	for i := range l.few {
		if l.few[i].text == text {
			return l.few[i].node
		}
	}
	return nil
}

// add returns the node for text, a new one if need be.
func (l *literals) add(text string) *node {
	if n := l.find(text); n != nil {
		return n
	}
	n := new(node)
	if l.many != nil {
		l.many[text] = n
		return n
	}
	l.few = append(l.few, literalNode{text, n})
	if len(l.few) > fewLiterals {
		l.many = map[string]*node{}
		for _, f := range l.few {
			l.many[f.text] = f.node
		}
		l.few = nil
	}
	return n
}
