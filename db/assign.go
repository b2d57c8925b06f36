package db

import (
	"database/sql"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Assign stores a value as a database returns it (nil, int64, float64, bool,
// string, []byte, time.Time) in what dest points to. It is the conversion
// behind [Get], for drivers whose rows are such values. Bytes are copied.
func Assign(dest, src any) error {
	if b, ok := src.([]byte); ok {
		return assignBytes(dest, b)
	}
	// The usual cases, without reflection.
	switch d := dest.(type) {
	case *string:
		if s, ok := src.(string); ok {
			*d = s
			return nil
		}
	case *int64:
		if n, ok := src.(int64); ok {
			*d = n
			return nil
		}
	case *bool:
		switch v := src.(type) {
		case bool:
			*d = v
			return nil
		case int64: // SQLite has no booleans
			if v == 0 || v == 1 {
				*d = v == 1
				return nil
			}
		}
	case *float64:
		if f, ok := src.(float64); ok {
			*d = f
			return nil
		}
	case *time.Time:
		return assignTime(d, src)
	case *[]byte:
		switch v := src.(type) {
		case string:
			*d = []byte(v)
			return nil
		case nil:
			*d = nil
			return nil
		}
	case *any:
		*d = src
		return nil
	case sql.Scanner:
		return assignScanner(d, src)
	}
	return assignReflect(reflect.ValueOf(dest), src)
}

func assignBytes(dest any, b []byte) error {
	switch d := dest.(type) {
	case *[]byte:
		*d = append(make([]byte, 0, len(b)), b...) // empty, not nil: nil is NULL
		return nil
	case *string:
		*d = string(b)
		return nil
	case *any:
		*d = append(make([]byte, 0, len(b)), b...)
		return nil
	case sql.Scanner:
		return assignScanner(d, append(make([]byte, 0, len(b)), b...))
	case *time.Time:
		return assignTime(d, string(b))
	}
	return assignReflect(reflect.ValueOf(dest), b)
}

// assignTime takes a time, the microseconds since 1970 that times are stored
// as in SQLite, or the text that SQLite's own functions make.
func assignTime(d *time.Time, src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = v.UTC()
		return nil
	case int64:
		*d = time.UnixMicro(v).UTC()
		return nil
	case string:
		// RFC 3339, and the layout of datetime('now'), which is UTC.
		for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil {
				*d = t.UTC()
				return nil
			}
		}
	}
	return mismatch(timeType, src)
}

// assignScanner calls Scan, except on a sql.Null of a type that only Assign
// knows how to fill, such as a time from SQLite's integer.
func assignScanner(d sql.Scanner, src any) error {
	v := reflect.ValueOf(d)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		if e := v.Elem(); isNull(e.Type()) {
			if src == nil {
				e.SetZero()
				return nil
			}
			e.FieldByName("Valid").SetBool(true)
			return Assign(e.FieldByName("V").Addr().Interface(), src)
		}
	}
	return d.Scan(src)
}

func isNull(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "database/sql" && strings.HasPrefix(t.Name(), "Null[")
}

func assignReflect(dest reflect.Value, src any) error {
	if dest.Kind() != reflect.Pointer || dest.IsNil() {
		return errors.New("destination is not a pointer")
	}
	v := dest.Elem()
	if v.Kind() == reflect.Pointer {
		if src == nil {
			v.SetZero()
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return Assign(v.Interface(), src)
	}
	if src == nil {
		// A named []byte, such as json.RawMessage, can say NULL; else only a
		// pointer or sql.Null can.
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetZero()
			return nil
		}
		return fmt.Errorf("NULL into %v; use a pointer or sql.Null", v.Type())
	}
	if u, ok := dest.Interface().(encoding.TextUnmarshaler); ok {
		switch s := src.(type) {
		case string:
			return u.UnmarshalText([]byte(s))
		case []byte:
			return u.UnmarshalText(s)
		}
	}
	return assignKind(v, src)
}

// assignKind converts to a basic kind or a named form of one.
func assignKind(v reflect.Value, src any) error {
	text, isText := src.(string)
	if b, ok := src.([]byte); ok {
		text, isText = string(b), true
	}
	switch v.Kind() {
	case reflect.String:
		if isText {
			v.SetString(text)
			return nil
		}
	case reflect.Slice:
		if isText && v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return nil
		}
	case reflect.Bool:
		switch n := src.(type) {
		case bool:
			v.SetBool(n)
			return nil
		case int64:
			if n == 0 || n == 1 {
				v.SetBool(n == 1)
				return nil
			}
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, ok := src.(int64)
		if isText { // the form in which Postgres sends a numeric
			var err error
			n, err = strconv.ParseInt(text, 10, 64)
			ok = err == nil
		}
		if ok && v.OverflowInt(n) {
			return fmt.Errorf("%d does not fit in %v", n, v.Type())
		}
		if ok {
			v.SetInt(n)
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n, ok := src.(int64); ok {
			if n < 0 || v.OverflowUint(uint64(n)) {
				return fmt.Errorf("%d does not fit in %v", n, v.Type())
			}
			v.SetUint(uint64(n))
			return nil
		}
	case reflect.Float32, reflect.Float64:
		switch n := src.(type) {
		case float64:
			v.SetFloat(n)
			return nil
		case int64: // SQLite keeps a whole number as one
			v.SetFloat(float64(n))
			return nil
		case string:
			if f, err := strconv.ParseFloat(n, 64); err == nil {
				v.SetFloat(f)
				return nil
			}
		}
	}
	return mismatch(v.Type(), src)
}

// mismatch names types only: the value may be a secret.
func mismatch(t reflect.Type, src any) error {
	return fmt.Errorf("%T does not go into %v", src, t)
}
