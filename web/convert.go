package web

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// converter sets dst from the text of a parameter, and returns what is wrong
// with it, or "".
type converter func(dst reflect.Value, s string) (wrong string)

// converterFor returns the converter for t, or nil when a parameter cannot be
// of that type.
func converterFor(t reflect.Type) converter {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return toTime
	case t == reflect.TypeFor[time.Duration]():
		return toDuration
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return toText
	}
	switch t.Kind() {
	case reflect.String:
		return toString
	case reflect.Bool:
		return toBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return toInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return toUint
	case reflect.Float32, reflect.Float64:
		return toFloat
	}
	return nil
}

func toTime(dst reflect.Value, s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return "must be a date and time such as 2006-01-02T15:04:05Z"
	}
	dst.Set(reflect.ValueOf(t))
	return ""
}

func toDuration(dst reflect.Value, s string) string {
	d, err := time.ParseDuration(s)
	if err != nil {
		return "must be a duration such as 1h30m or 250ms"
	}
	dst.SetInt(int64(d))
	return ""
}

func toText(dst reflect.Value, s string) string {
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); !ok || u.UnmarshalText([]byte(s)) != nil {
		return "is not in the expected format"
	}
	return ""
}

func toString(dst reflect.Value, s string) string {
	dst.SetString(s)
	return ""
}

func toBool(dst reflect.Value, s string) string {
	switch s {
	case "true", "1", "on": // "on" is what a checked box sends.
		dst.SetBool(true)
	case "false", "0", "off":
		dst.SetBool(false)
	default:
		return "must be true or false"
	}
	return ""
}

func toInt(dst reflect.Value, s string) string {
	n, err := strconv.ParseInt(s, 10, dst.Type().Bits())
	if err != nil {
		return "must be " + integerWords(dst.Type())
	}
	dst.SetInt(n)
	return ""
}

func toUint(dst reflect.Value, s string) string {
	n, err := strconv.ParseUint(s, 10, dst.Type().Bits())
	if err != nil {
		return "must be " + integerWords(dst.Type())
	}
	dst.SetUint(n)
	return ""
}

func toFloat(dst reflect.Value, s string) string {
	f, err := strconv.ParseFloat(s, dst.Type().Bits())
	// NaN passes every comparison that should have refused it.
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(f) {
		return "must be a number"
	}
	if math.IsInf(f, 0) {
		return "is out of range"
	}
	dst.SetFloat(f)
	return ""
}

// integerWords says what the integer type t can hold.
func integerWords(t reflect.Type) string {
	bits := t.Bits()
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr {
		if bits == 64 {
			return "a whole number, not negative"
		}
		return "a whole number from 0 to " + strconv.FormatUint(1<<bits-1, 10)
	}
	if bits == 64 {
		return "a whole number"
	}
	limit := int64(1) << (bits - 1)
	return "a whole number from " + strconv.FormatInt(-limit, 10) + " to " + strconv.FormatInt(limit-1, 10)
}

// unclean says what in the text of a parameter no program expects there, or "".
func unclean(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n' }) {
		return "holds control characters"
	}
	return ""
}
