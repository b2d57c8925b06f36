package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galeweb/gale/keyring"
)

// A service gets its keys from RELAY_KEYS or a file; here they are made on the
// spot.
func openKeys() *keyring.Ring {
	set := keyring.NewSet(time.Now())
	keys, err := keyring.Open(context.Background(), keyring.Options{Source: keyring.Text(set.Text())})
	if err != nil {
		panic(err)
	}
	return keys
}

func Example() {
	keys := openKeys()
	links := keys.Signer("password-reset", time.Hour)
	link, err := links.Sign([]byte("user 7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := links.Verify(link)
	fmt.Printf("%s %v\n", user, err)

	_, err = keys.Signer("unsubscribe", time.Hour).Verify(link)
	fmt.Println(errors.Is(err, keyring.ErrInvalid))
	// Output:
	// user 7 <nil>
	// true
}

func ExampleSeal() {
	keys := openKeys()
	type user struct {
		ID    string
		Phone keyring.Encrypted[string] // BLOB or BYTEA
	}
	phones := keys.AEAD("users.phone")
	u := user{ID: "7"}
	var err error
	if u.Phone, err = keyring.Seal(phones, "+44 20 7946 0018", u.ID); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u)
	fmt.Println(u.Phone.Open(phones, "7"))
	_, err = u.Phone.Open(phones, "8") // moved to another row
	fmt.Println(err)
	// Output:
	// {7 [encrypted]}
	// +44 20 7946 0018 <nil>
	// keyring: invalid value
}

func ExampleBlindIndex() {
	mails := openKeys().BlindIndex("users.mail", keyring.IndexOptions{Normalize: strings.ToLower})
	stored, err := mails.Sum("Ann@Example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	wanted, err := mails.Sums("ann@example.com")
	fmt.Println(len(wanted), string(wanted[0]) == string(stored), err)
	// Output: 1 true <nil>
}

func ExampleSet_Rotate() {
	start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	set := keyring.NewSet(start, keyring.Signing)
	set, next := set.Rotate(keyring.Signing, start.Add(10*time.Minute))
	statuses, err := keyring.Statuses(context.Background(), set, start)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range statuses {
		fmt.Println(s.Role, s.ID == next.ID)
	}
	// Output:
	// signs false
	// next true
}
