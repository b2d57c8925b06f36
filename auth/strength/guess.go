package strength

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"github.com/ccojocar/zxcvbn-go/scoring"
	"golang.org/x/text/unicode/norm"
)

const (
	// maxGuessed is how much of a password the estimate reads. Matching grows
	// with the square of the length or faster: 64 characters take at most 6 ms,
	// 128 take 90.
	maxGuessed = 64
	// maxWords bounds how many words of a user's details are looked for.
	maxWords = 64
)

// date is day, month and year in any order, with or without what separates
// them. The library has a matcher for dates, which misses one at the end.
var date = regexp.MustCompile(`(19|20)\d\d[-/. ]?\d{1,2}[-/. ]?\d{1,2}|\d{1,2}[-/. ]?\d{1,2}[-/. ]?(19|20)\d\d|\d{1,2}[-/.]\d{1,2}[-/.]\d\d`)

// dateWorth is in no dictionary, and as many guesses as there are days in a
// lifetime: 14 bits.
const dateWorth = "qzx"

const more = " Add a word or two that do not belong together."

// guess returns the score of password and, in a sentence, what makes it easy
// to guess. inputs are words as [words] returns them.
func guess(password string, inputs []string) (score int, feedback string) {
	whole := fold(password)
	plain := unrepeat(whole)
	weakest := estimate(plain, inputs)
	for _, variant := range unleet(plain) {
		if e := estimate(variant, inputs); e.Entropy < weakest.Entropy {
			weakest = e
		}
	}
	feedback = advice(weakest.MatchSequence)
	if undated := date.ReplaceAllString(plain, dateWorth); undated != plain {
		if e := estimate(undated, inputs); e.Entropy < weakest.Entropy {
			weakest, feedback = e, "Dates are easy to guess."+more
		}
	}
	if len(plain) < len(whole) {
		feedback = "What is repeated is as easy to guess as once." + more
	}
	return weakest.Score, feedback
}

// estimate leaves out the library's own search for l33t, whose time grows with
// the product of the spellings: 20 characters chosen for it, repeated to 128,
// took 3.6 s.
func estimate(plain string, inputs []string) scoring.MinEntropyMatch {
	return zxcvbn.PasswordStrength(plain, inputs, matching.FilterL33tMatcher)
}

// fold returns at most maxGuessed characters of ASCII. The library counts
// characters in one place and bytes in another, so it is given only what makes
// no difference. Accents go; another letter becomes one of a to z such that
// repeats and alphabets stay what they are.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case b.Len() == maxGuessed:
			return b.String()
		case r < unicode.MaxASCII:
			b.WriteByte(byte(r))
		case !unicode.Is(unicode.Mn, r):
			b.WriteByte('a' + byte(unicode.ToLower(r)%26))
		}
	}
	return b.String()
}

// unrepeat returns the part of s that is written again and again: who guesses
// it, guesses how often.
func unrepeat(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// unleet returns what s may have been before letters were replaced by digits
// and signs that look like them. Digits and signs at the end are often an
// addition, so they are read both ways, and 1 is both i and l.
func unleet(s string) []string {
	stem := strings.TrimRightFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	var variants []string
	for _, one := range [...]string{"i", "l"} {
		letters := strings.NewReplacer("4", "a", "@", "a", "8", "b", "(", "c", "{", "c", "[", "c", "<", "c", "3", "e",
			"6", "g", "9", "g", "1", one, "!", one, "|", one, "0", "o", "$", "s", "5", "s", "+", "t", "7", "t", "%", "x", "2", "z")
		for _, v := range [...]string{letters.Replace(s), letters.Replace(stem) + s[len(stem):]} {
			if v != s && !slices.Contains(variants, v) {
				variants = append(variants, v)
			}
		}
	}
	return variants
}

// words splits what is known of a user into what may be part of a password.
func words(known []string) []string {
	var all []string
	for _, k := range known {
		k = strings.ToLower(fold(k))
		parts := strings.FieldsFunc(k, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if len(parts) > 1 {
			parts = append(parts, k, strings.Join(parts, ""))
		}
		for _, p := range parts {
			if len(all) == maxWords {
				return all
			}
			if len(p) >= 3 {
				all = append(all, p)
			}
		}
	}
	return all
}

// advice names the longest part that an attacker would guess at once.
func advice(parts []match.Match) string {
	var longest match.Match
	for _, p := range parts {
		if p.Pattern != "bruteforce" && (longest.Pattern == "" || p.J-p.I > longest.J-longest.I) {
			longest = p
		}
	}
	switch longest.Pattern {
	case "dictionary":
		switch longest.DictionaryName {
		case "user_inputs":
			return "Your own details and the name of this service are guessed first." + more
		case "Passwords":
			return "This is close to a password that many people use." + more
		case "English":
			return "A common word alone is easy to guess." + more
		}
		return "Names are easy to guess." + more
	case "spatial":
		return "Rows of keys are easy to guess." + more
	case "repeat":
		return "Repeated characters are easy to guess." + more
	case "sequence":
		return "Sequences such as abc or 4321 are easy to guess." + more
	}
	return "Make it longer." + more
}
