// Command breached makes auth/strength/top.bin from lists of passwords.
//
//	go run ./cmd/gale/internal/breached -n 100000 -lines 1-100000,380001-404000,280001-380000 passwords.txt > auth/strength/top.bin
//
// It takes lines of 8 characters and more, in the order of the ranges, until
// it has enough. auth/strength/SOURCES.md says where the file comes from.
package main

import (
	"crypto/sha1"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
)

func main() {
	n := flag.Int("n", 100_000, "how many passwords to take at most")
	lines := flag.String("lines", "", "ranges of lines to take, in this order, such as 1-100,300-400")
	flag.Parse()
	if err := run(os.Stdout, flag.Args(), *lines, *n); err != nil {
		fmt.Fprintln(os.Stderr, "breached:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string, ranges string, n int) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file, not %d", len(args))
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	passwords, err := pick(strings.Split(string(text), "\n"), ranges, n)
	if err != nil {
		return err
	}
	hashes := make([]string, len(passwords))
	for i, p := range passwords {
		hashes[i] = fmt.Sprintf("%X", sha1.Sum([]byte(p)))
	}
	slices.Sort(hashes)
	made, err := strength.Compile(w, strings.NewReader(strings.Join(hashes, "\n")))
	if err == nil {
		fmt.Fprintf(os.Stderr, "breached: %d passwords\n", made)
	}
	return err
}

// notASCII: other letters came in mixed encodings, and few.
func notASCII(r rune) bool { return r > unicode.MaxASCII }

// pick returns the first n passwords of the ranges that a user could choose.
func pick(lines []string, ranges string, n int) ([]string, error) {
	var picked []string
	seen := map[string]bool{}
	for r := range strings.SplitSeq(ranges, ",") {
		var first, last int
		if _, err := fmt.Sscanf(r, "%d-%d", &first, &last); err != nil || first < 1 || first > last || last > len(lines) {
			return nil, fmt.Errorf("%q is no range within %d lines", r, len(lines))
		}
		for _, p := range lines[first-1 : last] {
			p = strings.TrimSuffix(p, "\r")
			if auth.CheckPassword(p) != nil || seen[p] || strings.ContainsFunc(p, notASCII) {
				continue
			}
			if len(picked) == n {
				return picked, nil
			}
			seen[p] = true
			picked = append(picked, p)
		}
	}
	return picked, nil
}
