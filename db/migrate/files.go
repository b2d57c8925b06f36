package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// files are the migrations of one dialect. It is the [fs.FS] that goose reads:
// flat, each name leading to the common file or to the dialect's own.
type files struct {
	fsys   fs.FS
	byName map[string]string // name to path in fsys
	list   []file            // by version
}

type file struct {
	version int64
	name    string
	up      string
}

// collect finds the migrations, below "migrations" when fsys has that folder,
// as an embed.FS does.
func collect(fsys fs.FS, dialect string) (*files, error) {
	dir := "."
	if info, err := fs.Stat(fsys, "migrations"); err == nil && info.IsDir() {
		dir = "migrations"
	}
	f := &files{fsys: fsys, byName: make(map[string]string)}
	for _, dir := range []string{dir, path.Join(dir, dialect)} {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && path.Base(dir) == dialect) {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() && path.Ext(e.Name()) == ".sql" {
				f.byName[e.Name()] = path.Join(dir, e.Name())
			}
		}
	}
	if len(f.byName) == 0 {
		return nil, fmt.Errorf("migrate: no .sql files for %s; put them into migrations/ and embed that", dialect)
	}
	for name := range f.byName {
		if err := f.add(name, dialect); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(f.list, func(a, b file) int { return cmp.Compare(a.version, b.version) })
	for i := 1; i < len(f.list); i++ {
		if a, b := f.list[i-1], f.list[i]; a.version == b.version {
			return nil, fmt.Errorf("migrate: %s and %s have the same version; a file of a dialect replaces the common one only under the same name", a.name, b.name)
		}
	}
	return f, nil
}

func (f *files) add(name, dialect string) error {
	number, _, ok := strings.Cut(name, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || version < 1 {
		return fmt.Errorf("migrate: %s: a file is named by its version and what it does, such as 00001_boats.sql", name)
	}
	text, err := fs.ReadFile(f.fsys, f.byName[name])
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	up, noTx, err := upSection(string(text))
	if err != nil {
		return fmt.Errorf("migrate: %s: %w", name, err)
	}
	if noTx && dialect == "sqlite" {
		return fmt.Errorf("migrate: %s: NO TRANSACTION is not possible on SQLite, where all migrations are one transaction; remove the mark, or put the file into migrations/postgres", name)
	}
	f.list = append(f.list, file{version, name, up})
	return nil
}

// upSection returns the SQL of a file's upward half, for people to read.
func upSection(text string) (up string, noTx bool, err error) {
	const none, inUp, inDown = 0, 1, 2
	part := none
	var b strings.Builder
	for line := range strings.Lines(text) {
		mark, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
		mark, isMark := strings.CutPrefix(strings.TrimSpace(mark), "+goose ")
		if !ok || !isMark {
			if part == inUp {
				b.WriteString(line)
			}
			continue
		}
		switch strings.ToUpper(strings.TrimSpace(mark)) {
		case "UP":
			part = inUp
		case "DOWN":
			part = inDown
		case "NO TRANSACTION":
			noTx = true
		}
	}
	if part == none {
		return "", false, errors.New(`no line "-- +goose Up"; put it before the statements`)
	}
	return strings.TrimSpace(b.String()), noTx, nil
}

// Open implements [fs.FS].
func (f *files) Open(name string) (fs.File, error) {
	real, ok := f.byName[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.fsys.Open(real)
}

// Glob implements [fs.GlobFS], which is how goose lists the files.
func (f *files) Glob(pattern string) ([]string, error) {
	var names []string
	for _, file := range f.list {
		if ok, err := path.Match(pattern, file.name); err != nil {
			return nil, err
		} else if ok {
			names = append(names, file.name)
		}
	}
	return names, nil
}
