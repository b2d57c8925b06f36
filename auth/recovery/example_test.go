package recovery_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/recovery"
)

func Example() {
	ctx := context.Background()
	backup := recovery.New(recovery.Options{
		Store: &memory{},         // recovery.NewSQLStore(database)
		Hash:  newKeys().index(), // keys.BlindIndex("recovery_codes.hash", keyring.IndexOptions{Bytes: 32})
	})
	codes, err := backup.Regenerate(ctx, "user 7") // to be shown once
	if err != nil {
		fmt.Println(err)
		return
	}
	throttle := auth.NewThrottle(auth.ThrottleOptions{Codes: true, Name: "recovery"})
	attempt := auth.Attempt{Account: "user 7", Addr: netip.MustParseAddr("192.0.2.1")}
	for _, typed := range []string{codes[0], codes[0]} {
		ok, err := throttle.Check(ctx, attempt, func(ctx context.Context) (bool, error) {
			return backup.Use(ctx, "user 7", typed)
		})
		fmt.Println(ok, err)
	}
	fmt.Println(backup.Remaining(ctx, "user 7"))
	// Output:
	// true <nil>
	// false <nil>
	// 9 <nil>
}
