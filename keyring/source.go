package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/galeweb/gale/config"
)

// Source is where the text of a [Set] comes from.
type Source interface {
	// Load returns the text, and a version that changes when the text does. An
	// empty version says that the source cannot tell. The error must show
	// nothing of the text.
	Load(ctx context.Context) (text []byte, version string, err error)
}

// SourceFunc is a function that is a [Source].
type SourceFunc func(ctx context.Context) (text []byte, version string, err error)

// Load calls f.
func (f SourceFunc) Load(ctx context.Context) ([]byte, string, error) { return f(ctx) }

// Text is a source that never changes, for a field of the configuration.
func Text(text config.Secret) Source {
	return SourceFunc(func(context.Context) ([]byte, string, error) {
		if text.IsZero() {
			return nil, "", errors.New("no keys are configured; gale secret new makes some")
		}
		return versioned([]byte(text.Reveal()))
	})
}

// Env is the environment variable, or, with _FILE behind its name, the variable
// that names the file, which is then a [File], or, with _URL behind it, the one
// that has the address of a secret, see [VaultURL]. More than one of them is an
// error.
func Env(name string) Source {
	if name == "" {
		panic("keyring: Env without a name, such as \"RELAY_KEYS\"")
	}
	return SourceFunc(func(ctx context.Context) ([]byte, string, error) {
		var set []string
		for _, n := range []string{name, name + "_FILE", name + "_URL"} {
			if os.Getenv(n) != "" {
				set = append(set, n)
			}
		}
		switch {
		case len(set) == 0:
			return nil, "", fmt.Errorf("%s is not set; gale secret new makes a value", name)
		case len(set) > 1:
			return nil, "", fmt.Errorf("%s are set; unset all but one of them", strings.Join(set, " and "))
		}
		text, version, err := loadVariable(ctx, name, set[0])
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", set[0], err)
		}
		return text, version, nil
	})
}

// loadVariable loads from what the variable holds, by its ending.
func loadVariable(ctx context.Context, name, variable string) ([]byte, string, error) {
	value := os.Getenv(variable)
	switch variable {
	case name:
		return versioned([]byte(value))
	case name + "_FILE":
		return File(value).Load(ctx)
	default:
		vault, err := VaultURL(value)
		if err != nil {
			return nil, "", err
		}
		return vault.Load(ctx)
	}
}

// Credential is a credential of systemd (LoadCredential=, or encrypted with
// LoadCredentialEncrypted=), which only the service can read.
func Credential(name string) Source {
	if name == "" || name != filepath.Base(name) {
		panic("keyring: Credential needs the name of a credential, without a path")
	}
	return SourceFunc(func(context.Context) ([]byte, string, error) {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return nil, "", errors.New("CREDENTIALS_DIRECTORY is not set; the unit needs LoadCredential=")
		}
		text, _, err := readFile(filepath.Join(dir, name))
		if err != nil {
			return nil, "", fmt.Errorf("credential %s: %w", name, err)
		}
		return versioned(text)
	})
}

// versioned takes the hash of the text for its version: unlike a file's time
// it changes whenever the text does.
func versioned(text []byte) ([]byte, string, error) {
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:]), nil
}
