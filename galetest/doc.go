// Package galetest tests whole HTTP applications: [Run] runs one test body on
// each server that gale supports, with a [Client] that fails the test by
// itself, and checks afterwards that nothing was logged as an error and no
// goroutine was left behind.
//
//	func TestHello(t *testing.T) {
//		galetest.Run(t, routes(), func(t *testing.T, c *galetest.Client) {
//			c.Get("/").Status(200).Contains("hello")
//			c.Get("/nowhere").Status(404)
//		})
//	}
//
// Beside it stand a [Clock] that only the test moves, an [Outbox] for mail, a
// database for each test ([DB]), an [Authenticator] for passkeys, and [Require] for
// services that a test needs.
//
// # Concurrency
//
// A Client, like its testing.TB, belongs to the goroutine of its test; give
// other goroutines requests of [Client.NewRequest] and the [net/http.Client] of
// [Client.HTTP]. Clock, Log and Outbox are safe for concurrent use.
//
// # Security
//
// The kit is for tests only: its certificate is made on the spot, its cookie
// jar treats the server as https.
//
// # Limits
//
// A request may take 30 s and a response 32 MiB. Goroutines are told apart by
// profiler labels, which those inherit that a test or its server starts; a test
// that sets labels of its own must keep those in its context.
package galetest
