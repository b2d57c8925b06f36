// Package e2e drives relay in a real browser, as the people who use it do. Its
// tests are the user flows; [Serve] and [Launch] are for other programs that
// need a running relay and a browser, such as one that takes pictures.
package e2e
