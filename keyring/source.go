package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// Env is the environment variable, or the file that the variable with _FILE
// behind its name names, which is then a [File]; both at once are an error.
func Env(name string) Source {
	if name == "" {
		panic("keyring: Env without a name, such as \"RELAY_KEYS\"")
	}
	return SourceFunc(func(ctx context.Context) ([]byte, string, error) {
		value, path := os.Getenv(name), os.Getenv(name+"_FILE")
		switch {
		case value != "" && path != "":
			return nil, "", fmt.Errorf("%s is set, and so is %s_FILE; unset one of them", name, name)
		case path != "":
			text, version, err := File(path).Load(ctx)
			if err != nil {
				return nil, "", fmt.Errorf("%s_FILE: %w", name, err)
			}
			return text, version, nil
		case value == "":
			return nil, "", fmt.Errorf("%s is not set; gale secret new makes a value", name)
		}
		return versioned([]byte(value))
	})
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
