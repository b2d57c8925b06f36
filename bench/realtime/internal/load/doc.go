// Package load is a WebSocket client for benchmarks: one thread and one epoll
// for all connections, so that it costs less than what it measures. It parses
// every frame, compares every payload with what was sent, and counts each
// delivery once and in order. It speaks plain WebSocket and just enough of the
// protocols of gale's hub and of centrifuge. It needs Linux.
package load
