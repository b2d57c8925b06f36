// Package launch builds the programs of the repository and runs them as
// processes of their own, so that what they cost can be told from what the
// benchmark costs. It needs Linux, for /proc.
package launch
