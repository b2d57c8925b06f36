package galewebauthn_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/drivers/galewebauthn"
)

func Example() {
	var v passkey.Verifier = galewebauthn.New() // for passkey.Options
	want := passkey.Expected{Challenge: make([]byte, 32), RPID: "example.com", Origins: []string{"https://example.com"}}
	_, err := v.VerifyAssertion(context.Background(), want, nil, passkey.Assertion{ClientDataJSON: []byte("{}")})
	fmt.Println(errors.Unwrap(err) != nil)
	// Output: true
}
