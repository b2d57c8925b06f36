// Package web is the handler model: functions that return their error, typed
// JSON handlers, and the responses they send.
package web
