package db

import (
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"
)

// bind turns arguments into what both databases take alike: nil, bool, int64,
// float64, string, []byte, time.Time. A type it does not know goes to the
// driver as it is, which is how Postgres gets its arrays. The caller's slice
// is not changed.
func bind(args []any) ([]any, error) {
	out := args
	for i, arg := range args {
		switch v := arg.(type) {
		case nil, bool, int64, float64, string:
			continue
		case []byte:
			if v != nil {
				continue
			}
		}
		v, err := bindOne(arg)
		if err != nil {
			return nil, fmt.Errorf("db: argument $%d: %w", i+1, err)
		}
		if &out[0] == &args[0] {
			out = append([]any(nil), args...)
		}
		out[i] = v
	}
	return out, nil
}

func bindOne(arg any) (any, error) {
	switch v := arg.(type) {
	case int:
		return int64(v), nil
	case time.Time:
		// Both databases keep microseconds: cut here, so that what is read
		// back equals what was bound on either.
		return v.UTC().Truncate(time.Microsecond), nil
	case []byte:
		return nil, nil // a nil slice is NULL; others never come here
	}
	rv := reflect.ValueOf(arg)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil, nil
	}
	if v, ok := arg.(driver.Valuer); ok {
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		if _, again := value.(driver.Valuer); again {
			return nil, fmt.Errorf("%T returns itself as its value", arg)
		}
		return bindBasic(value)
	}
	if rv.Kind() == reflect.Pointer {
		return bindBasic(rv.Elem().Interface())
	}
	if v, ok := arg.(encoding.TextMarshaler); ok {
		b, err := v.MarshalText()
		return string(b), err
	}
	switch rv.Kind() {
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.String:
		return rv.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := rv.Uint(); n <= math.MaxInt64 {
			return int64(n), nil
		}
		return nil, fmt.Errorf("%d is more than an int64 holds", rv.Uint())
	case reflect.Float32, reflect.Float64:
		return rv.Float(), nil
	case reflect.Slice:
		if rv.Type().Elem().Kind() != reflect.Uint8 {
			break
		}
		if rv.IsNil() {
			return nil, nil
		}
		// JSON is text: SQLite would take bytes for its binary JSON.
		if _, ok := arg.(json.Marshaler); ok {
			return string(rv.Bytes()), nil
		}
		return rv.Bytes(), nil
	}
	return arg, nil
}

// bindBasic binds what a pointer or a Valuer held.
func bindBasic(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case []byte:
		if v != nil {
			return v, nil
		}
		return nil, nil
	}
	return bindOne(v)
}
