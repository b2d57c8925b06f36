// Package config fills one typed struct from the environment, and reports
// everything that is wrong with it at once.
//
//	type Config struct {
//		Addr        string        `env:"ADDR" default:":8080" desc:"Where to listen."`
//		Env         string        `env:"ENV" default:"development" oneof:"development production"`
//		DatabaseURL config.Secret `env:"DATABASE_URL,required"`
//		Mail        struct {
//			Host string `env:"HOST"`
//		} `envPrefix:"MAIL_"`
//	}
//
//	cfg, err := config.Load[Config](config.Options{Prefix: "RELAY_"})
//
// # Tags
//
// A field with an env tag is one variable, named by [Options].Prefix, the
// envPrefix tags of the structs around it and its own name. A struct field
// without env tag is a nested group; any other field without one is left alone.
//
//   - env:"NAME,required" makes it a problem when nothing sets the variable;
//   - default:"…" (or envDefault) is used when nothing sets it;
//   - oneof:"a b c" is the list of allowed values;
//   - desc:"…" is shown by [Describe] and [WriteExample];
//   - envSeparator and envKeyValSeparator split slices and maps, "," and ":" when absent.
//
// Types are those of github.com/caarlos0/env: strings, numbers, bool,
// [time.Duration], [net/url.URL] (which must be absolute), [time.Location],
// slices and maps of these, and whatever implements [encoding.TextUnmarshaler].
//
// # Precedence
//
// The first that sets the variable wins; an empty value sets nothing:
//
//  1. NAME in the environment, or NAME_FILE, whose file holds the value
//     (both at once are a problem);
//  2. the systemd credential NAME, or name in lower case, in $CREDENTIALS_DIRECTORY;
//  3. NAME or NAME_FILE in .env, unless the environment has either, even empty;
//  4. the default.
//
// The .env file is for development. It is not read when PREFIX_ENV is
// "production" in the environment, so that a file forgotten on a server cannot
// configure it. In .env a "$" starts a variable: put such values in single quotes.
//
// # Security
//
// A [Secret] prints as [secret] under every verb and encoder. Problems and
// [Describe] show no value of a Secret, nor of a variable whose name looks like
// one (PASSWORD, TOKEN, KEY …), nor the user part of a URL, nor the path in a
// NAME_FILE, in which people paste the secret itself. An unknown variable with
// the prefix is a problem, since it is mostly a misspelt known one: a limit
// that silently does not hold is worse than a start that fails.
//
// # Limits
//
// A value read from a file may have 1 MiB, .env 64 KiB. Variables are not
// expanded outside .env. Kubernetes adds variables such as RELAY_SERVICE_HOST
// for a service named relay: set enableServiceLinks to false, or name them in
// [Options].Ignore.
//
// All functions are safe for concurrent use. A struct or tag that cannot work
// (a type without parser, a default that is not of its type) panics, whatever
// the environment holds.
package config
