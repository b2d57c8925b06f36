// Package roles keeps what each role may do in storage, so that administrators
// can change it while the application runs. What exists, and what a role may do
// until somebody changes it, stands in the code.
//
//	permissions := map[string][]string{"admin": {"*", "roles.manage"}, "editor": {"posts.write"}}
//	stored, err := roles.Open(ctx, roles.Options{
//		Store: roles.NewSQLStore(db), Permissions: permissions, Protected: "roles.manage",
//	})
//	go stored.Run(ctx) // sees what other instances change
//	users := auth.New(auth.Options[User]{
//		Permissions: permissions, PermissionsOf: stored.PermissionsOf, RoleNames: stored.Names, …
//	})
//	err = stored.Add(ctx, "moderator", []string{"posts.write"}) // a new role
//	err = stored.Replace(ctx, "moderator", seen, wanted)        // unless it is not as seen any more
//	err = stored.Reset(ctx, "editor")                           // as in the code again
//
// Which user has which role is the application's own data.
//
// Concurrency: a [Roles] is shared by all requests. PermissionsOf reads one
// snapshot, without lock and allocation. Two changes at once are made one after
// the other. Whoever runs [Roles.Run] waits for it.
//
// Security: permissions that the code does not list are refused when they are
// written and ignored, with a warning, when they are read, so that nobody gets a
// right by editing a table that a later release gives another meaning to, and a
// release that is rolled back grants nothing new. Nobody can lock everybody out:
// the last role with the protected permission keeps it. Guard the page that
// calls Set and Reset by that permission, and by RequireRecent: who may change
// roles has, in effect, all permissions.
//
// Limits: a change applies at once in the process that made it, and elsewhere
// within Options.Interval, 10 s unless told otherwise; connections that are open
// need a check of their own, such as hub.Recheck in Options.Changed. While the store cannot be
// read, what was known stays. 200 roles, names of at most 64 characters.
package roles
