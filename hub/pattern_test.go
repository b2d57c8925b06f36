package hub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
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
		assert.Equal(t, parsePattern(c.pattern).matches(c.name), c.want)
	}
	assert.Equal(t, parsePattern("{a}/x/{b}").params("1/x/2"), map[string]string{"a": "1", "b": "2"})
}

func TestPatternPanics(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "/", "a/", "/a", "a//b", "a b", "a/{}", "{a}/{a}", "{a", "a*", "{a/b}", "~hub/control", "~hub/{x}"} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { parsePattern(s) })), "hub: topic pattern")
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
		assert.Equal(t, parsePattern(c.p).overlaps(parsePattern(c.q)), c.want)
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "packets/7", "user:1@x.y~z/_-", strings.Repeat("x", MaxName)} {
		assert.True(t, validName(good), good)
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "a b", "a\"b", "a\n", "é", "a*", ">", strings.Repeat("x", MaxName+1)} {
		assert.True(t, !validName(bad), bad)
	}
}
