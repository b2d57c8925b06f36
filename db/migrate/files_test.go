package migrate

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/internal/assert"
)

func mapFS(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestCollect(t *testing.T) {
	t.Parallel()
	fsys := mapFS(map[string]string{
		"00010_b.sql":          "-- +goose Up\nCOMMON\n",
		"2_a.sql":              "\n-- +goose Up\nA;\n-- a note\nB;\n-- +goose Down\nC;\n",
		"README.md":            "",
		"sqlite/00010_b.sql":   "-- +goose Up\nOWN\n",
		"sqlite/11_c.sql":      "-- +goose Up\nONLY\n",
		"postgres/12_none.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY\n",
	})
	f, err := collect(fsys, "sqlite")
	assert.NoError(t, err)
	assert.Equal(t, f.list, []file{{2, "2_a.sql", "A;\n-- a note\nB;"}, {10, "00010_b.sql", "OWN"}, {11, "11_c.sql", "ONLY"}})
	text, err := fs.ReadFile(f, "00010_b.sql")
	assert.NoError(t, err)
	assert.Contains(t, string(text), "OWN")
	_, err = fs.ReadFile(f, "sqlite/11_c.sql")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	f, err = collect(fsys, "postgres")
	assert.NoError(t, err)
	assert.Equal(t, len(f.list), 3)
	assert.Equal(t, f.list[1].up, "COMMON")
}

func TestCollectErrors(t *testing.T) {
	t.Parallel()
	const ok = "-- +goose Up\nA;\n"
	for want, files := range map[string]map[string]string{
		"no .sql files":             {"README.md": ""},
		"x.sql: a file is named":    {"x.sql": ok},
		"0_x.sql: a file is named":  {"0_x.sql": ok},
		"-1_x.sql: a file is named": {"-1_x.sql": ok},
		`no line "-- +goose Up"`:    {"1_x.sql": "CREATE TABLE x;"},
		"have the same version":     {"1_x.sql": ok, "sqlite/01_x.sql": ok},
		"NO TRANSACTION is not":     {"migrations/1_x.sql": "-- +goose NO TRANSACTION\n" + ok},
		"put them into migrations/": {"migrations/readme": "", "1_x.sql": ok},
	} {
		_, err := collect(mapFS(files), "sqlite")
		if err == nil {
			t.Errorf("%v: no error", files)
			continue
		}
		assert.Contains(t, err.Error(), want)
	}
}
