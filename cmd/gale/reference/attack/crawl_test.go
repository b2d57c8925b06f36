package attack_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// form is one that a page has, as a browser would send it.
type form struct {
	page, method, action string
	fields               []field
}

type field struct {
	name, kind, value string
	off               bool // a box without a tick
}

var (
	forms      = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	inputs     = regexp.MustCompile(`(?s)<(input|select|textarea|button)\b([^>]*)>`)
	options    = regexp.MustCompile(`(?s)<option\b([^>]*)>([^<]*)`)
	attributes = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
	links      = regexp.MustCompile(`<a\b[^>]*\bhref="([^"]*)"`)
	selects    = regexp.MustCompile(`(?s)<select\b[^>]*name="([^"]*)".*?</select>`)
	ids        = regexp.MustCompile(`/[A-Za-z0-9_-]{12,}(/|$)`)
)

func attributesOf(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range attributes.FindAllStringSubmatch(tag, -1) {
		all[m[1]] = html.UnescapeString(m[2])
	}
	return all
}

// formsOf returns the forms of a page. Those that only a script sends post JSON,
// to two addresses, and have the method "JSON".
func formsOf(page, body string) (all []form) {
	for _, m := range forms.FindAllStringSubmatch(body, -1) {
		a := attributesOf(m[1])
		f := form{page: page, method: strings.ToUpper(a["method"]), action: a["action"]}
		if f.action == "" {
			f.action, _, _ = strings.Cut(page, "?")
		}
		chosen := map[string]string{}
		for _, s := range selects.FindAllStringSubmatch(m[2], -1) {
			for _, o := range options.FindAllStringSubmatch(s[0], -1) {
				o, text := attributesOf(o[1]), strings.TrimSpace(o[2])
				if _, selected := o["selected"]; selected || chosen[s[1]] == "" {
					chosen[s[1]] = text
					if value, ok := o["value"]; ok {
						chosen[s[1]] = value
					}
				}
			}
		}
		within := inputs.FindAllStringSubmatch(m[2], -1)
		if id := a["id"]; id != "" { // and those that say so from elsewhere in the page
			for _, i := range inputs.FindAllStringSubmatch(body, -1) {
				if strings.Contains(i[2], `form="`+id+`"`) {
					within = append(within, i)
				}
			}
		}
		for _, i := range within {
			a := attributesOf(i[2])
			if a["name"] == "" || a["type"] == "checkbox" && f.has(a["name"]) {
				continue
			}
			value := a["value"]
			if i[1] == "select" {
				value = chosen[a["name"]]
			}
			_, ticked := a["checked"]
			f.fields = append(f.fields, field{a["name"], a["type"], value, a["type"] == "checkbox" && !ticked})
		}
		if a["data-passkey"] != "" {
			for _, to := range []string{"data-passkey-begin", "data-passkey-finish"} {
				all = append(all, form{page: page, method: "JSON", action: a[to]})
			}
			continue
		}
		all = append(all, f)
	}
	return all
}

func (f form) has(name string) bool {
	for _, of := range f.fields {
		if of.name == name {
			return true
		}
	}
	return false
}

// route is the address of a form without what differs from one row of a table to
// the next.
func (f form) route() string {
	action, _, _ := strings.Cut(f.action, "?")
	return f.method + " " + ids.ReplaceAllString(ids.ReplaceAllString(action, "/*$1"), "/*$1")
}

// filled returns the values that a browser would send, with something plausible
// in empty fields. of is who fills it in.
func (f form) filled(of *person) url.Values {
	values := url.Values{}
	for _, in := range f.fields {
		if in.off {
			continue
		}
		value := in.value
		switch {
		case value != "":
		case in.kind == "password" && in.name == "password" && f.has("old"):
			value = "short" // so that the one of now stays
		case in.kind == "password":
			value = password
		case in.kind == "email":
			value = named("someone") + "@example.com"
		case in.name == "name":
			value = named("thing")
		case in.name == "code":
			value = "123456"
		case in.kind == "date":
			value = "2026-01-01"
		default:
			value = "something"
		}
		values.Set(in.name, value)
	}
	return values
}

// site map of what one visitor finds by following links from the first page.
type found struct {
	pages map[string]answer // by path, with the query
	forms map[string]form   // by route, one of each
}

// dangling are links that are followed by nobody who wants to go on: they lead to
// the mails of others.
const dangling = "token="

// crawl follows every link of this site.
func (c *visitor) crawl() found {
	c.s.t.Helper()
	all := found{map[string]answer{}, map[string]form{}}
	ways := map[string]bool{} // by route: of a table, one row is enough
	for next := []string{"/"}; len(next) > 0; {
		path := next[0]
		next = next[1:]
		way := form{method: http.MethodGet, action: path}.route()
		if _, seen := all.pages[path]; seen || ways[way] && len(all.pages) > 60 {
			continue
		}
		ways[way] = true
		a := c.get(path).is(http.StatusOK, http.StatusSeeOther)
		all.pages[path] = a
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, f := range formsOf(path, a.body) {
			// Of two pages with a form for a route, that which asks for more.
			if other, seen := all.forms[f.route()]; !seen || len(f.fields) > len(other.fields) {
				all.forms[f.route()] = f
			}
		}
		for _, m := range links.FindAllStringSubmatch(a.body, -1) {
			to := html.UnescapeString(m[1])
			if base, err := url.Parse(c.base + path); err == nil {
				if u, err := base.Parse(to); err == nil && u.Host == base.Host && !strings.Contains(to, dangling) {
					next = append(next, u.RequestURI())
				}
			}
		}
	}
	return all
}
