package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// File is a file with the keys. It is read at each load, so that it can be
// replaced, also by a symbolic link to another as Kubernetes does; replace it
// by renaming a new one over it. A file that its group may write, or others
// may read, is refused: make it 0600, or 0640 when root owns it and the
// service is in its group.
func File(path string) Source {
	if path == "" {
		panic("keyring: File without a path")
	}
	return SourceFunc(func(context.Context) ([]byte, string, error) {
		text, err := readSecretFile(path)
		if err != nil {
			return nil, "", fmt.Errorf("the file of keys: %w", err)
		}
		return versioned(text)
	})
}

// readSecretFile returns the text of a file that others can neither read nor
// change.
func readSecretFile(path string) ([]byte, error) {
	text, mode, err := readFile(path)
	if err != nil {
		return nil, err
	}
	// Windows has access lists, of which the mode says nothing.
	const forbidden = 0o027
	if runtime.GOOS != "windows" && mode.Perm()&forbidden != 0 {
		return nil, fmt.Errorf("it has mode %#o, with which others can read or change it; chmod 600", mode.Perm())
	}
	return text, nil
}

// readFile returns the text and the mode of the same file. Errors do not name
// the path: somebody may have put the secret there.
func readFile(path string) (text []byte, mode fs.FileMode, err error) {
	defer func() {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
	}()
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a regular file")
	}
	text, err = io.ReadAll(io.LimitReader(file, maxText+1))
	if err != nil {
		return nil, 0, err
	}
	return text, info.Mode(), nil
}
