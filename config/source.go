package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

const (
	maxValue   = 1 << 20 // of a NAME_FILE or credential; a certificate chain has some KiB
	maxEnvFile = 64 << 10
)

// sources is where values come from, in order of precedence.
type sources struct {
	environ     map[string]string
	credentials string
	envFile     map[string]string
	envFileName string
	names       map[string]bool // the variables of the struct
}

// openSources reads the .env file; a problem with it leaves it empty.
func openSources(o Options, fields []field) (*sources, *Problem) {
	s := &sources{environ: env.ToMap(o.Environ), credentials: o.Credentials, envFileName: o.EnvFile, names: map[string]bool{}}
	if o.Environ == nil {
		s.environ = env.ToMap(os.Environ())
	}
	if s.credentials == "" {
		s.credentials = s.environ["CREDENTIALS_DIRECTORY"]
	}
	if s.envFileName == "" {
		s.envFileName = ".env"
	}
	for _, f := range fields {
		s.names[f.name] = true
	}
	if strings.EqualFold(s.environ[o.Prefix+"ENV"], "production") {
		return s, nil
	}
	text, err := readFile(s.envFileName, maxEnvFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, &Problem{Name: s.envFileName, Message: "cannot be read: " + err.Error(), Err: err}
	}
	vars, err := parseEnvFile(text)
	if err != nil {
		// Its text quotes the rest of the file, secrets included.
		return s, &Problem{Name: s.envFileName, Message: fmt.Sprintf("line %d is not NAME=value", badLine(text))}
	}
	s.envFile = vars
	return s, nil
}

func parseEnvFile(text string) (map[string]string, error) {
	vars, err := godotenv.Unmarshal(text)
	if _, ok := vars[""]; ok && err == nil {
		err = errors.New("a last line without =") // which godotenv takes for a value without a name
	}
	return vars, err
}

// badLine finds the line at which the longest readable beginning ends. It is
// slow, and bounded by maxEnvFile.
func badLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := parseEnvFile(strings.Join(lines[:n], "")); err == nil {
			return n + 1
		}
	}
	return 1
}

// lookup returns the field's value and what set it. A value that is not set at
// all is "" from "".
func (s *sources) lookup(f field) (value, source string, p *Problem) {
	if value, source, p = s.pair(f, s.environ, "environment"); value != "" || p != nil {
		return value, source, p
	}
	if value, source, p = s.credential(f); value != "" || p != nil {
		return value, source, p
	}
	_, set := s.environ[f.name]
	_, setFile := s.environ[f.name+"_FILE"]
	if !set && !setFile {
		if value, source, p = s.pair(f, s.envFile, s.envFileName); value != "" || p != nil {
			return value, source, p
		}
	}
	if f.fallback != "" {
		return f.fallback, "default", nil
	}
	return "", "", nil
}

// pair looks for NAME and NAME_FILE in one place.
func (s *sources) pair(f field, vars map[string]string, source string) (string, string, *Problem) {
	value := vars[f.name]
	fileVar := f.name + "_FILE"
	path := vars[fileVar]
	if s.names[fileVar] {
		path = "" // the struct has a variable of that name, which is not ours then
	}
	switch {
	case path == "":
		return value, source, nil
	case value != "":
		return "", "", f.problem("is set, and so is %s; unset one of them", fileVar)
	}
	value, err := readFile(path, maxValue)
	if err != nil {
		p := f.problem("the file that %s names cannot be read: %v", fileVar, err)
		p.Err = err
		return "", "", p
	}
	return value, fileVar + " in " + source, nil
}

func (s *sources) credential(f field) (string, string, *Problem) {
	if s.credentials == "" {
		return "", "", nil
	}
	for _, name := range []string{f.name, strings.ToLower(f.name)} {
		value, err := readFile(filepath.Join(s.credentials, name), maxValue)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			p := f.problem("the credential %s cannot be read: %v", name, err)
			p.Err = err
			return "", "", p
		}
		return value, "credential " + name, nil
	}
	return "", "", nil
}

// readFile returns the content without trailing newlines. Its errors do not
// name the path: somebody may have put the secret there.
func readFile(path string, most int64) (string, error) {
	text, err := readAtMost(path, most)
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err
	}
	return strings.TrimRight(string(text), "\r\n"), err
}

func readAtMost(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}
