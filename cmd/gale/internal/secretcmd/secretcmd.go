// Package secretcmd is the verb secret: gale secret new|rotate|status|retire,
// which make, change and show the keys of package keyring.
package secretcmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/keyring"
)

// Command returns the verb.
func Command() *cobra.Command { return command(time.Now) }

func command(now func() time.Time) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Make, rotate, show and retire the keys of a service",
		Long: `secret works on the keys of a service (package keyring): in a file, in the
value of an environment variable, or in a secret of Vault or OpenBao. It writes
files only; of a variable and a secret it prints the new value, which you store.
Keys in a credential of systemd are in the file that LoadCredential= names; one
of LoadCredentialEncrypted= takes systemd-creds decrypt before, and encrypt after.

A rotation adds a key, which makes the new values from its time on; what older
keys made stays valid, so that nobody is logged out, until they are retired.`,
		Example: `  gale secret new --file keys
  gale secret rotate --file keys
  gale secret status --file keys --database sqlite:app.db
  gale secret retire --file keys --database sqlite:app.db
  RELAY_KEYS=… gale secret rotate --env RELAY_KEYS

  url="https://vault.example.com:8200/v1/secret/data/relay?token_file=$HOME/.vault-token"
  gale secret status --url "$url"
  new=$(gale secret rotate --url "$url") &&
    printf %s "$new" | vault kv patch -mount=secret relay keys=-`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q; %s --help lists them", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&p.file, "file", "", "the file that has the keys")
	cmd.PersistentFlags().StringVar(&p.env, "env", "", "the environment variable that has the keys, such as RELAY_KEYS")
	cmd.PersistentFlags().StringVar(&p.url, "url", "", "the address of the secret that has the keys, of which rotate and retire print the new value\n(see keyring.VaultURL)")
	cmd.AddCommand(newCommand(&p, now), rotateCommand(&p, now), statusCommand(&p, now), retireCommand(&p, now))
	return cmd
}

func newCommand(p *place, now func() time.Time) *cobra.Command {
	var names []string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make keys, one for each purpose",
		Long: `new makes a random key for each purpose. With --file it writes them to a new
file that only its owner can read, with --env it prints NAME=value, and without
either the value alone.`,
		Example: `  gale secret new --file keys
  gale secret new --env RELAY_KEYS >> .env
  new=$(gale secret new) && printf %s "$new" | vault kv put -mount=secret relay keys=-`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			purposes, err := parsePurposes(names)
			if err != nil {
				return err
			}
			if err := p.given(); err != nil {
				return err
			}
			set := keyring.NewSet(now(), purposes...)
			switch {
			case p.url != "":
				return errNewAtURL
			case p.file != "":
				if err := createFile(p.file, set); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Made %s with %d keys. Keep a copy where a lost disk cannot take it, and not in the repository.\n", p.file, len(set.Keys()))
			case p.env != "":
				fmt.Fprintf(cmd.OutOrStdout(), "%s=%s\n", p.env, set.Text().Reveal())
			default:
				fmt.Fprintln(cmd.OutOrStdout(), set.Text().Reveal())
			}
			return nil
		},
	}
	purposeFlag(cmd, &names, "purposes that get a key: sign, encrypt, token, index (default all)")
	return cmd
}

var errNewAtURL = errors.New("new does not write secrets of Vault; without --url it prints the value: new=$(gale secret new) && printf %s \"$new\" | vault kv put -mount=secret relay keys=-")

func rotateCommand(p *place, now func() time.Time) *cobra.Command {
	var (
		names []string
		delay time.Duration
	)
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Add new keys; the old ones stay valid",
		Long: `rotate adds a random key, by default for sign and token where there are keys for
these: with them nothing else is to be done. A new key for encrypt or index has
the stored values follow by package reencrypt, and must be asked for.

The new key makes values only after the delay, in which every instance of the
service loads it; one that had not would refuse them. Instances that get the keys
from a variable must be restarted: give a delay longer than that takes. When a
key was stolen use --delay 0, and retire the old one with --force.`,
		Example: `  gale secret rotate --file keys
  gale secret rotate --file keys --purpose encrypt,index`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			purposes, err := parsePurposes(names)
			if err != nil {
				return err
			}
			if delay < 0 {
				return errors.New("--delay is negative; 0 is at once")
			}
			return p.change(cmd, func(set keyring.Set, say io.Writer) (keyring.Set, error) {
				if len(purposes) == 0 {
					purposes = cheap(set)
				}
				since := now().Add(delay)
				for _, purpose := range purposes {
					var k keyring.Key
					set, k = set.Rotate(purpose, since)
					fmt.Fprintf(say, "Added %v, which makes new values from %s on.\n", k, show(k.Since))
				}
				if slices.Contains(purposes, keyring.Encryption) || slices.Contains(purposes, keyring.Indexing) {
					fmt.Fprintln(say, "Then the application moves what is stored, by package reencrypt; gale secret status --database … shows how far it is.")
				}
				return set, nil
			})
		},
	}
	purposeFlag(cmd, &names, "purposes that get a new key: sign, encrypt, token, index (default sign and token)")
	cmd.Flags().DurationVar(&delay, "delay", 10*time.Minute, "time until the new key makes values")
	return cmd
}

// cheap returns the purposes that are rotated unasked.
func cheap(set keyring.Set) []keyring.Purpose {
	var out []keyring.Purpose
	for _, p := range []keyring.Purpose{keyring.Signing, keyring.Tokens} {
		if _, ok := set.Current(p, time.Time{}); ok {
			out = append(out, p)
		}
	}
	return out
}

func purposeFlag(cmd *cobra.Command, names *[]string, usage string) {
	cmd.Flags().StringSliceVar(names, "purpose", nil, usage)
}

func parsePurposes(names []string) ([]keyring.Purpose, error) {
	var out []keyring.Purpose
	for _, name := range names {
		p := keyring.Purpose(name)
		if !slices.Contains(keyring.Purposes(), p) {
			return nil, fmt.Errorf("--purpose %q; known are sign, encrypt, token, index", name)
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func show(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
