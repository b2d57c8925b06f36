package topicname_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/topicname"
)

func TestPatternMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"news", "news", true},
		{"news", "new", false},
		{"news", "news/1", false},
		{"packets/{channel}", "packets/7", true},
		{"packets/{channel}", "packets", false},
		{"packets/{channel}", "packets/7/8", false},
		{"packets/{channel}", "other/7", false},
		{"{a}/x/{b}", "1/x/2", true},
		{"{a}/x/{b}", "1/y/2", false},
		{"{a}/{b}", "~hub/control", false},
		{"{a}/{b}", "~hubble/control", true},
		{"{a}", "~hub", false},
	} {
		assert.Equal(t, topicname.Parse(c.pattern).Matches(c.name), c.want)
	}
	assert.Equal(t, topicname.Parse("{a}/x/{b}").Params("1/x/2"), map[string]string{"a": "1", "b": "2"})
}

func TestPatternPanics(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "/", "a/", "/a", "a//b", "a b", "a/{}", "{a}/{a}", "{a", "a*", "{a/b}", "~hub/control", "~hub/{x}"} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { topicname.Parse(s) })), "hub: topic pattern")
	}
}

func TestPatternOverlaps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p, q string
		want bool
	}{
		{"a/{x}", "a/{y}", true},
		{"a/{x}", "a/b", true},
		{"{x}/b", "a/{y}", true},
		{"a/{x}", "b/{x}", false},
		{"a", "a/b", false},
	} {
		assert.Equal(t, topicname.Parse(c.p).Overlaps(topicname.Parse(c.q)), c.want)
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "packets/7", "user:1@x.y~z/_-", strings.Repeat("x", topicname.Max)} {
		assert.True(t, topicname.Valid(good), good)
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "a b", "a\"b", "a\n", "é", "a*", ">", strings.Repeat("x", topicname.Max+1)} {
		assert.True(t, !topicname.Valid(bad), bad)
	}
}
