// Package scaffold turns the reference application into a new project: it
// copies the tree, moves import paths, puts the new name in place of the old, and
// writes a go.mod with the versions that the reference was tested with.
package scaffold
