// Package scaffold turns the reference application into a new project: it
// copies the tree under a new name, moves import paths, and adds a go.mod with
// the versions that the reference was tested with.
package scaffold
