package totp_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/totp"
)

func Example() {
	ctx := context.Background()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	factors := totp.New(totp.Options{
		Issuer: "Relay",
		Store:  &memory{}, // totp.NewSQLStore(database)
		Sealer: sealer(),  // keys.AEAD("totp_authenticators.secret")
		Clock:  func() time.Time { return now },
	})
	// On the security page: the code to scan, and the secret for who cannot.
	e, err := factors.Enroll(ctx, "user 7", "ann@example.com", "phone")
	if err != nil {
		fmt.Println(err)
		return
	}
	var svg strings.Builder // in a template: {{.Component (.Data.Enrollment.QR "QR code for your app")}}
	err = e.QR("QR code for your app").Render(ctx, &svg)
	fmt.Println(strings.HasPrefix(svg.String(), "<svg "), len(e.Grouped()), err)

	// The first code that the app shows.
	code, _ := hotp.GenerateCode(e.Secret, uint64(now.Unix()/30))
	fmt.Println(factors.Confirm(ctx, "user 7", e.ID, code))

	// Signing in, later, after the password. Guesses are bounded by a throttle.
	now = now.Add(time.Hour)
	code, _ = hotp.GenerateCode(e.Secret, uint64(now.Unix()/30))
	throttle := auth.NewThrottle(auth.ThrottleOptions{Codes: true})
	attempt := auth.Attempt{Account: "user 7", Addr: netip.MustParseAddr("192.0.2.1")}
	for _, typed := range []string{"12345", code, code} { // a mistake, the code, a replay
		ok, err := throttle.Check(ctx, attempt, func(ctx context.Context) (bool, error) {
			return factors.Verify(ctx, "user 7", typed)
		})
		fmt.Println(ok, err == nil)
	}
	// Output:
	// true 39 <nil>
	// true <nil>
	// false false
	// true true
	// false true
}
