package scaffold

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files returns the project's files by their slash-separated paths.
func (p Project) Files() (map[string][]byte, error) {
	files, err := p.modules()
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(p.Reference, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || leftBehind(name) {
			return err
		}
		content, err := fs.ReadFile(p.Reference, name)
		if err != nil {
			return err
		}
		files[p.text(name)], err = p.file(name, content)
		return err
	})
	return files, err
}

// Write makes the project and returns the number of its files. When it fails,
// nothing of them stays.
func (p Project) Write() (int, error) {
	if err := p.Check(); err != nil {
		return 0, err
	}
	files, err := p.Files()
	if err != nil {
		return 0, err
	}
	if err := p.write(files); err != nil {
		return 0, fmt.Errorf("%s cannot be written: %w", p.Dir, reason(err))
	}
	return len(files), nil
}

// write fills Dir, which may be there already, empty: it can be the folder that
// the user is in.
func (p Project) write(files map[string][]byte) (err error) {
	_, missing := os.Stat(p.Dir)
	defer func() {
		if err == nil {
			return
		}
		for name := range files {
			first, _, _ := strings.Cut(name, "/")
			_ = os.RemoveAll(filepath.Join(p.Dir, first))
		}
		if missing != nil {
			_ = os.Remove(p.Dir)
		}
	}()
	for name, content := range files {
		to := filepath.Join(p.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
