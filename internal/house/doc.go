// Package house holds the rules of this repository as tests: which package may
// import which, how long a file may be, what every package must have, and what
// no source may contain. A rule is a function from the [Tree] to the list of its
// violations; house_test.go runs each over the repository and demands none, and
// the test of each rule plants a violation to see it found.
//
// A rule changes only with an ADR (docs/adr). Do not edit one to make a build
// pass.
package house
