package strength_test

import (
	"fmt"

	"github.com/galeweb/gale/auth/strength"
)

func Example() {
	passwords := strength.New(strength.Options{Context: []string{"Relay", "relay.example"}})
	for _, password := range []string{"Iloveyou1", "relay2026!", "Ann.Smith!", "quiet otter sells maps"} {
		e, err := passwords.Estimate(password, "Ann Smith", "ann.smith@example.com")
		if err != nil {
			fmt.Println(err) // a list could not be read
			return
		}
		fmt.Printf("%d %q\n", e.Score, e.Feedback)
		fmt.Println("  ", passwords.Check(password, "Ann Smith", "ann.smith@example.com"))
	}
	// Output:
	// 0 "This password is in a list of stolen passwords. Choose another one."
	//    auth: password refused: breached
	// 0 "Your own details and the name of this service are guessed first. Add a word or two that do not belong together."
	//    auth: password refused: weak
	// 0 "Choose a password that does not contain your name or address."
	//    auth: password refused: personal
	// 4 ""
	//    <nil>
}
