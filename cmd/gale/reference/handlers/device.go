package handlers

import "strings"

// named is a part of User-Agent headers and what it stands for.
type named struct{ part, name string }

// Device says in a few words what a User-Agent header claims: "Firefox on
// Android"; for what is no browser its own name, such as "curl".
func Device(userAgent string) string {
	find := func(all ...named) string {
		for _, n := range all {
			if strings.Contains(userAgent, n.part) {
				return n.name
			}
		}
		return ""
	}
	// Order matters: nearly all browsers also claim to be the last ones, and
	// phones to run what their system was made from.
	browser := find(
		named{"Edg", "Edge"}, named{"OPR/", "Opera"}, named{"Firefox/", "Firefox"}, named{"FxiOS/", "Firefox"},
		named{"Chrome/", "Chrome"}, named{"CriOS/", "Chrome"}, named{"Safari/", "Safari"},
	)
	system := find(
		named{"Android", "Android"}, named{"iPhone", "iPhone"}, named{"iPad", "iPad"}, named{"Windows", "Windows"},
		named{"Mac OS X", "macOS"}, named{"CrOS", "ChromeOS"}, named{"Linux", "Linux"},
	)
	if browser == "" {
		browser, _, _ = strings.Cut(userAgent, "/")
		if browser == "" || len(browser) > 32 {
			return "Unknown"
		}
		return browser
	}
	if system == "" {
		return browser
	}
	return browser + " on " + system
}
