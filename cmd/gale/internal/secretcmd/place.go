package secretcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/keyring"
)

var (
	errManyPlaces = errors.New("give one of --file, --env and --url")
	errNoPlace    = errors.New("where are the keys? Give --file, --env or --url")
)

// place is where the keys are.
type place struct{ file, env, url string }

// given returns an error when more than one place was.
func (p *place) given() error {
	n := 0
	for _, s := range []string{p.file, p.env, p.url} {
		if s != "" {
			n++
		}
	}
	if n > 1 {
		return errManyPlaces
	}
	return nil
}

func (p *place) load(ctx context.Context) (keyring.Set, error) {
	if err := p.given(); err != nil {
		return keyring.Set{}, err
	}
	var src keyring.Source
	switch {
	case p.file != "":
		src = keyring.File(p.file)
	case p.env != "":
		src = keyring.Env(p.env)
	case p.url != "":
		var err error
		if src, err = keyring.VaultURL(p.url); err != nil {
			return keyring.Set{}, err
		}
	default:
		return keyring.Set{}, errNoPlace
	}
	text, _, err := src.Load(ctx)
	if err != nil {
		return keyring.Set{}, err
	}
	return keyring.ParseSet(text)
}

// change replaces the keys by what edit makes of them. What edit says goes to
// standard output, or, where that takes the new value, to standard error.
func (p *place) change(cmd *cobra.Command, edit func(set keyring.Set, say io.Writer) (keyring.Set, error)) error {
	if err := p.given(); err != nil {
		return err
	}
	if p.env != "" && os.Getenv(p.env) == "" && os.Getenv(p.env+"_FILE") != "" && os.Getenv(p.env+"_URL") == "" {
		return fmt.Errorf("the keys are in the file that %s_FILE names; give that by --file", p.env)
	}
	if p.file == "" {
		return p.show(cmd, edit)
	}
	var said bytes.Buffer
	err := replaceFile(p.file, func() (keyring.Set, error) {
		set, err := p.load(cmd.Context())
		if err != nil {
			return set, err
		}
		return edit(set, &said)
	})
	if err != nil {
		return err
	}
	_, _ = said.WriteTo(cmd.OutOrStdout())
	return nil
}

// show prints the new value of what the command cannot write itself.
func (p *place) show(cmd *cobra.Command, edit func(set keyring.Set, say io.Writer) (keyring.Set, error)) error {
	set, err := p.load(cmd.Context())
	if err != nil {
		return err
	}
	var said bytes.Buffer
	if set, err = edit(set, &said); err != nil {
		return err
	}
	_, _ = said.WriteTo(cmd.ErrOrStderr())
	if p.url != "" || os.Getenv(p.env) == "" { // then the address is in NAME_URL
		fmt.Fprintln(cmd.ErrOrStderr(), notStored)
		fmt.Fprintln(cmd.OutOrStdout(), set.Text().Reveal())
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s=%s\n", p.env, set.Text().Reveal())
	return nil
}

const notStored = "Nothing was stored: on standard output is the new value, for you to write into the same field of the secret."

const header = "# Keys of the service. Secret. gale secret status, rotate and retire work on this file.\n"

// createFile writes the keys to a new file.
func createFile(path string, set keyring.Set) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; gale secret rotate adds keys to it", path)
	}
	if err != nil {
		return err
	}
	return fill(file, set)
}

func fill(file *os.File, set keyring.Set) error {
	_, err := io.WriteString(file, header+set.Lines().Reveal()+"\n")
	if err == nil {
		err = file.Sync() // half a file of keys is none
	}
	return errors.Join(err, file.Close())
}

// replaceFile renames a new file over the old one, with its mode and owner, so
// that a service that reads it meanwhile sees one or the other. The new file
// also keeps a second command out, whose keys would be lost.
func replaceFile(path string, edit func() (keyring.Set, error)) (err error) {
	// Through a symbolic link, which stays.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another gale secret is at work, or one was interrupted; then remove it", next)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(next))
		}
	}()
	set, err := edit()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if err := keepOwner(file, info); err != nil {
		return errors.Join(fmt.Errorf("the new file would have another owner, and the service could not read it: %w", err), file.Close())
	}
	if err := file.Chmod(info.Mode().Perm()); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := fill(file, set); err != nil {
		return err
	}
	return os.Rename(next, path)
}
