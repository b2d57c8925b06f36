package galesqlite_test

import (
	"os"
	osexec "os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// modernc translates SQLite for one exact version of its C library; another
// one may crash. A go get -u would lift it alone.
func TestLibcIsTheOneSQLiteAsksFor(t *testing.T) {
	t.Parallel()
	list := func(format, module string) string {
		out, err := osexec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).Output()
		assert.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	mod, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	assert.NoError(t, err)
	asked := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(mod)
	assert.True(t, asked != nil, "sqlite's go.mod does not name libc")
	assert.Equal(t, list("{{.Version}}", "modernc.org/libc"), string(asked[1]))
}
