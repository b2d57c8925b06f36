package galesqlite_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
)

// The audit log on a database in memory.
func Example_audit() {
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite::memory:", db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	if _, err := d.Exec(ctx, audit.SchemaSQLite); err != nil { // a migration of yours
		fmt.Println(err)
		return
	}
	log := audit.New(audit.Options{
		DB:     d,
		Key:    []byte("32 random bytes of your secrets."),
		Logger: slog.New(slog.DiscardHandler),
	})

	// One that stands alone.
	_, err = log.Append(ctx, audit.Record{
		Actor: audit.Actor{ID: "7"}, Action: "signin.totp", Outcome: audit.Refused,
		Addr: netip.MustParseAddr("192.0.2.1"), // in a request it is filled in
	})
	fmt.Println(err)

	// One that is stored exactly when the change is.
	err = d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// … the change itself
		_, err := log.AppendTx(ctx, tx, audit.Record{
			Actor: audit.Actor{ID: "1", Name: "admin@example.com"}, Action: "role.granted", Target: "7",
			Outcome: audit.OK, Detail: map[string]string{"role": "operator"},
		})
		return err
	})
	fmt.Println(err)

	page, err := log.List(ctx, audit.Filter{Action: "signin", Limit: 20})
	for _, e := range page.Items {
		fmt.Println(e.Seq, e.Action, e.Outcome, e.Actor.ID, e.Addr)
	}
	head, _ := log.Head(ctx) // keep it elsewhere
	fmt.Println(log.Verify(ctx, 0, 0), log.VerifyHead(ctx, head), err)

	// Somebody with the password of the database.
	_, err = d.Exec(ctx, "UPDATE audit_log SET outcome = 'ok' WHERE seq = 1")
	fmt.Println(err != nil)
	d.Exec(ctx, "DROP TRIGGER audit_log_no_update")
	d.Exec(ctx, "UPDATE audit_log SET outcome = 'ok' WHERE seq = 1")
	fmt.Println(log.Verify(ctx, 0, 0))
	// Output:
	// <nil>
	// <nil>
	// 1 signin.totp refused 7 192.0.2.1
	// <nil> <nil> <nil>
	// true
	// audit: the log is broken at record 1: it was changed, or does not follow the one before
}

// A package that knows nothing of the log makes a change: here db itself, by
// passkeys.Delete or accounts.Change as well.
func Example_auditOfAnyChange() {
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite::memory:", db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	if _, err := d.Exec(ctx, audit.SchemaSQLite+`CREATE TABLE keys (id TEXT); INSERT INTO keys VALUES ('a')`); err != nil {
		fmt.Println(err)
		return
	}
	log := audit.New(audit.Options{DB: d, Logger: slog.New(slog.DiscardHandler)})
	remove := func(ctx context.Context, id string) (int64, error) {
		return d.Exec(ctx, `DELETE FROM keys WHERE id = $1`, id)
	}
	for _, id := range []string{"a", "b"} { // there is no b
		record := audit.Record{Actor: audit.Actor{ID: "7"}, Action: "key.removed", Target: id, Outcome: audit.OK}
		n, err := remove(log.With(ctx, record), id)
		fmt.Println(n, err)
	}
	page, err := log.List(ctx, audit.Filter{})
	for _, e := range page.Items {
		fmt.Println(e.Action, e.Target)
	}
	found := log.Check(ctx) // each day by Run
	fmt.Println(found.Head.Seq, found.Broken, found.Err, err)
	// Output:
	// 1 <nil>
	// 0 <nil>
	// key.removed a
	// 1 <nil> <nil> <nil>
}
