// Package strength answers whether a user may choose a password.
//
//	passwords := strength.New(strength.Options{Context: []string{"Relay", "relay.example"}})
//
//	if err := passwords.Check(password, u.Name, u.Email); err != nil {
//		return err // a *auth.PasswordError: 422 with a sentence for the user
//	}
//	hash, err := hasher.Hash(ctx, password)
//
// A password passes when it has 8 to 128 characters and does not contain the
// user's name or address ([auth.CheckPassword]), is in no list of stolen
// passwords, and would take many guesses by the estimate of zxcvbn (Wheeler,
// USENIX Security 2016), which knows words, names, dates, rows of keys, repeats
// and what is personal to this user. There are no rules on which characters to
// use, and nothing is cut off: NIST SP 800-63B-4, 3.1.1.2, and OWASP ASVS 5.0,
// 6.2. [Checker.Estimate] is for a meter beside the field.
//
// Lists: 100,000 of the most used passwords of 8 characters and more are
// built in. [OpenList] takes a larger one: the download of Have I Been Pwned in
// the order of hashes as it is (about 40 GB), or a fifth of its size after
// [Compile].
//
// Concurrency: [Checker] and [List] are safe for concurrent use.
//
// Security: Check stops passwords that an attacker tries first, here or against
// a stolen table of hashes. It sees passwords in the clear and keeps none; no
// error or feedback repeats one, and nothing leaves the machine. Lists are
// looked up by SHA-1, which is their format and protects nothing. A list that
// cannot be read is an error, never a password that passes. A check costs at
// most some 10 ms of CPU whatever is sent; an endpoint for a meter needs a
// limit of package ratelimit like any other.
//
// Limits: a built-in entry is 8 bytes of a hash, so that one in 10^14 other
// passwords is taken for a stolen one. The estimate is made from the first 64
// characters. Its words are English; letters beyond Latin count as letters of
// no word. Importing the package loads its dictionaries at start, which takes
// about 30 ms and keeps 6 MB.
package strength
