// Package soak holds a test alone: a hub on gale's engine under thousands of
// clients that come, go, stall and vanish. Run it by "make soak-realtime".
package soak
