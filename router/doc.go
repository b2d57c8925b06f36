// Package router matches requests to handlers by the patterns of
// [net/http.ServeMux], and adds what an application wants besides: groups,
// middleware, named routes with checked URLs, and answers for OPTIONS, 404 and
// 405 in the application's own form.
//
//	r := router.New()
//	r.Use(middleware.RequestID, middleware.Recover)
//	r.Get("/packets/{id}", packets.Show).Name("packet.show")
//	r.Group("/api", func(r *router.Router) {
//		r.Use(a.Required)
//		r.Post("/packets", web.JSON(packets.Create))
//	})
//	http.ListenAndServe(":8080", r)
//
// # Patterns
//
// A pattern is "[METHOD ][HOST]/[PATH]", with {name} for one segment,
// {name...} for the rest, {$} for the end and a trailing slash for a subtree.
// Matching, precedence, conflicts, the cleaning of paths and the redirects
// that follow from it are those of ServeMux, and a fuzz test compares the two.
// They differ where ServeMux strays from what it documents:
//
//   - a redirect keeps the escapes of the path; ServeMux escapes them twice
//     (/a//b%2Fc to /a/b%252Fc) or drops them (/a%2Fb to /a/b/);
//   - an empty segment in a pattern ("//x") is refused; ServeMux takes it for
//     a wildcard;
//   - r.Pattern is never a path: where ServeMux redirects a CONNECT it is the
//     pattern, so that metrics labelled with it stay few.
//
// Allow lists OPTIONS, which the router answers by 204 unless a route does. A
// route without a method answers OPTIONS itself.
//
// # Concurrency
//
// Register from one goroutine; the first request ends registration. From then
// on a Router only reads, without locks, and serves any number of goroutines.
// A request to a route without wildcards costs no allocation; wildcards cost
// what [net/http.Request.SetPathValue] does.
//
// # Security
//
// Handlers see only clean paths, without empty or dot segments. Redirects stay
// on the host: they start with a single slash and escape backslashes. The
// work that a path can cause is bounded by the number of routes, whatever its
// length. Escaped dot segments (%2e%2e) and slashes (%2F) are data and reach
// handlers decoded: a path value is input like any other, and must not be
// joined to a file name.
//
// # Limits
//
// Middleware of a group does not see requests that match none of its routes;
// put CORS, whose preflights are OPTIONS requests, on the root. Hosts match
// exactly, in lower and upper case as written. [Router.URL] does not know
// which route its answer leads to: with routes /users/new and /users/{id}, the
// URL for the id "new" is the former's.
package router
