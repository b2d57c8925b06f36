package models

import (
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Channel is where packets of one subject are sent and watched.
type Channel struct {
	ID        int64
	Name      string // in URLs; unique
	Title     string // for people
	Public    bool   // anybody may watch; else signed-in users only
	OwnerID   string
	CreatedAt time.Time
}

var channelName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)

// CheckChannelName returns what is wrong with a channel's name, or "".
func CheckChannelName(name string) string {
	if !channelName.MatchString(name) {
		return "must be 1 to 64 of a-z, 0-9 and -, and neither begin nor end with -"
	}
	return ""
}

// CheckTitle returns what is wrong with a title, or "". It is shown to others beside
// their own text: characters that cannot be seen are refused, such as those that
// turn the direction of what follows.
func CheckTitle(title string) string {
	if n := len([]rune(title)); n == 0 || n > 100 {
		return "must be 1 to 100 characters"
	}
	if strings.ContainsFunc(title, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "must be one line of characters that can be seen"
	}
	return ""
}
