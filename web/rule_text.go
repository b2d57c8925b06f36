package web

import (
	"reflect"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
)

// ruleTexts words the rules that have no parameter.
var ruleTexts = map[string]string{
	"required": "is required", "required_if": "is required", "required_unless": "is required",
	"required_with": "is required", "required_with_all": "is required",
	"required_without": "is required", "required_without_all": "is required",
	"excluded_if": "must be left out", "excluded_unless": "must be left out",
	"excluded_with": "must be left out", "excluded_with_all": "must be left out",
	"excluded_without": "must be left out", "excluded_without_all": "must be left out",
	"isdefault": "must be left out",

	"alpha":           "may hold only the letters a to z",
	"alphanum":        "may hold only the letters a to z and digits",
	"alphaunicode":    "may hold only letters",
	"alphanumunicode": "may hold only letters and digits",
	"numeric":         "must be a number",
	"number":          "may hold only digits",
	"hexadecimal":     "may hold only hexadecimal digits",
	"boolean":         "must be true or false",
	"ascii":           "may hold only ASCII characters",
	"printascii":      "may hold only printable ASCII characters",
	"lowercase":       "must be in lower case",
	"uppercase":       "must be in upper case",
	"unique":          "must not hold the same value twice",

	"email":            "must be an email address",
	"e164":             "must be a phone number such as +46701234567",
	"url":              "must be a URL",
	"http_url":         "must be an http or https URL",
	"https_url":        "must be an https URL",
	"uri":              "must be a URI",
	"hostname":         "must be a host name",
	"hostname_rfc1123": "must be a host name",
	"hostname_port":    "must be a host and port such as example.com:443",
	"fqdn":             "must be a full domain name",
	"port":             "must be a port, 1 to 65535",
	"ip":               "must be an IP address",
	"ipv4":             "must be an IPv4 address",
	"ipv6":             "must be an IPv6 address",
	"cidr":             "must be a network such as 10.0.0.0/8",
	"cidrv4":           "must be an IPv4 network such as 10.0.0.0/8",
	"cidrv6":           "must be an IPv6 network such as fd00::/8",
	"mac":              "must be a MAC address",
	"latitude":         "must be a latitude, -90 to 90",
	"longitude":        "must be a longitude, -180 to 180",

	"uuid": "must be a UUID", "uuid3": "must be a version 3 UUID", "uuid4": "must be a version 4 UUID",
	"uuid5": "must be a version 5 UUID", "uuid7": "must be a version 7 UUID", "ulid": "must be a ULID",
	"base64": "must be in base64", "base64url": "must be in base64url", "base64rawurl": "must be in base64url without padding",
	"json":               "must be JSON",
	"jwt":                "must be a JSON web token",
	"semver":             "must be a version such as 1.2.3",
	"timezone":           "must be a time zone such as Europe/Stockholm",
	"bcp47_language_tag": "must be a language tag such as sv-SE",
	"iso3166_1_alpha2":   "must be a country code of two letters",
	"iso4217":            "must be a currency code of three letters",
	"hexcolor":           "must be a colour such as #aabbcc",
	"cron":               "must be a cron expression",
}

// ruleWords words the rules that end in their parameter.
var ruleWords = map[string]string{
	"eq": "must be ", "ne": "must not be ", "eq_ignore_case": "must be ", "ne_ignore_case": "must not be ",
	"contains": "must contain ", "excludes": "must not contain ",
	"containsany": "must contain one of the characters ", "excludesall": "must contain none of the characters ",
	"startswith": "must begin with ", "endswith": "must end with ",
	"startsnotwith": "must not begin with ", "endsnotwith": "must not end with ",
	"eqfield": "must be the same as ", "nefield": "must differ from ",
	"gtfield": "must be greater than ", "gtefield": "must be at least ",
	"ltfield": "must be less than ", "ltefield": "must be at most ",
	"datetime": "must be a date or time in the form ",
}

// comparisons words the rules of size, which mean the length of text, the
// number of items, or the value itself.
var comparisons = map[string]string{
	"len": "exactly ", "min": "at least ", "max": "at most ",
	"gte": "at least ", "lte": "at most ", "gt": "more than ", "lt": "less than ",
}

// ruleText words the rule that f broke, to follow the name of the place.
func ruleText(f validator.FieldError) string {
	tag, param := f.Tag(), f.Param()
	if s, ok := ruleTexts[tag]; ok {
		return s
	}
	if s, ok := ruleWords[tag]; ok && param != "" {
		return s + param
	}
	if s, ok := comparisons[tag]; ok {
		return comparison(f, s, param)
	}
	switch tag {
	case "oneof", "oneofci":
		return "must be one of " + strings.Join(options(param), ", ")
	case "noneof", "noneofci":
		return "must be none of " + strings.Join(options(param), ", ")
	}
	if param != "" {
		tag += "=" + param
	}
	return "failed the rule " + tag
}

func comparison(f validator.FieldError, words, param string) string {
	if f.Type() == reflect.TypeFor[time.Time]() && param == "" {
		if strings.HasPrefix(f.Tag(), "g") {
			return "must be in the future"
		}
		return "must be in the past"
	}
	switch f.Kind() {
	case reflect.String:
		return "must have " + words + count(param, "character")
	case reflect.Slice, reflect.Array, reflect.Map:
		return "must have " + words + count(param, "item")
	}
	switch f.Tag() {
	case "len":
		words = ""
	case "gt":
		words = "greater than "
	}
	return "must be " + words + param
}

func count(n, unit string) string {
	if n == "1" {
		return n + " " + unit
	}
	return n + " " + unit + "s"
}

// options splits the parameter of oneof, in which single quotes hold words
// with spaces together.
func options(param string) (all []string) {
	for i, part := range strings.Split(param, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
