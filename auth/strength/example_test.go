package strength_test

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"

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

func ExampleOpenList() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	download := filepath.Join(dir, "pwned.txt") // SHA-1:COUNT, ordered by hash
	line := fmt.Sprintf("%X:3\n", sha1.Sum([]byte("quiet otter sells maps")))
	if err := os.WriteFile(download, []byte(line), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	list, err := strength.OpenList(download)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer list.Close()
	passwords := strength.New(strength.Options{Breached: []*strength.List{list}})
	fmt.Println(passwords.Check("quiet otter sells maps"))
	// Output: auth: password refused: breached
}
