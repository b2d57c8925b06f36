package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/obs"
)

// OpenKeys opens the keys that the configuration has. Where it has none, which
// production does not allow, they are in a file beside the database, made at
// the first start.
func OpenKeys(ctx context.Context, cfg config.Config, logger *slog.Logger, metrics *obs.Metrics) (*keyring.Ring, error) {
	place, source, err := keySource(cfg)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Open(ctx, keyring.Options{
		Source: source, Require: []keyring.Purpose{keyring.Signing, keyring.Encryption, keyring.Tokens, keyring.Indexing}, Logger: logger, Metrics: metrics.Registry(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return keys, nil
}

// keySource is the one place that Validate has left, and its name. All but a
// variable are read again when keys are rotated.
func keySource(cfg config.Config) (place string, source keyring.Source, err error) {
	switch {
	case !cfg.KeysURL.IsZero():
		source, err = keyring.VaultURL(cfg.KeysURL.Reveal())
		return "SECRET_KEYS_URL", source, err
	case cfg.KeysFile != "":
		return "SECRET_KEYS_FILE", keyring.File(cfg.KeysFile), nil
	case cfg.KeysCredential() != "":
		return "SECRET_KEYS", keyring.Credential(cfg.KeysCredential()), nil
	case !cfg.SecretKeys.IsZero():
		return "SECRET_KEYS", keyring.Text(cfg.SecretKeys), nil
	case cfg.Production():
		return "", nil, errors.New("there are no keys; run gale secret new --file relay.keys, and set RELAY_SECRET_KEYS_FILE to the file")
	}
	file := filepath.Join(dataFolder(cfg.DatabaseURL.Reveal()), "relay.keys")
	switch err := makeKeys(file); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("the folder %s, where the database and its keys are to be, does not exist", filepath.Dir(file))
	case err != nil:
		return "", nil, fmt.Errorf("keys for development: %w", err)
	}
	return file, keyring.File(file), nil
}

// dataFolder is where an SQLite database is, and the working folder else.
func dataFolder(databaseURL string) string {
	file, ok := strings.CutPrefix(databaseURL, "sqlite:")
	if !ok {
		return "."
	}
	file, _, _ = strings.Cut(file, "?")
	return filepath.Dir(file)
}

// makeKeys makes a file of keys unless there is one. Of two processes that start
// at once one makes it, and none reads half of it.
func makeKeys(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(file), ".keys-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString("# Keys of relay in development. Secret; not for git.\n" + keyring.NewSet(time.Now()).Lines().Reveal() + "\n")
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), file); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// keepKeys has new keys picked up: every minute, and on Options.Reload at once.
func (a *App) keepKeys(ctx context.Context) {
	a.running.Go(func() { _ = a.o.Keys.Run(ctx) }) // returns nil, when told to stop
	a.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-a.o.Reload:
				if err := a.o.Keys.Reload(ctx); err != nil {
					a.o.Logger.ErrorContext(ctx, "the keys were not read again", "err", err)
				} else {
					a.o.Logger.InfoContext(ctx, "the keys were read again")
					a.lookAtKeys()
				}
			}
		}
	})
}
