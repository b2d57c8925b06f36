// Package handlers is relay over HTTP: pages for people and an API for
// programs. A handler reads the request, asks a service, and answers; what may
// be done and how it is kept is decided below.
package handlers
