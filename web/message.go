package web

import (
	"context"
	"reflect"
)

// Decoder returns a function that decodes one JSON value and checks it as
// [DecodeJSON] does, for input that is no request's body, such as a message of
// a WebSocket. Empty input is refused, except for a T without fields. When data
// is refused it is overwritten.
//
// The type is examined when Decoder is called, which panics as [JSON] does.
func Decoder[T any]() func(data []byte) (T, error) {
	t := reflect.TypeFor[T]()
	rules := checker().rulesFor(t)
	none := t.Kind() == reflect.Struct && t.NumField() == 0
	return func(data []byte) (v T, err error) {
		if len(data) == 0 {
			if none {
				return v, nil
			}
			return v, missingBody()
		}
		if err := decode(data, &v); err != nil {
			return v, err
		}
		return v, rules.check(&v)
	}
}

// Explain returns what [Fail] would tell a client about err, for answers that
// are no HTTP responses. Neither its Err nor its Header is for the client. It
// logs nothing.
func Explain(ctx context.Context, err error) *Error { return answer(ctx, err) }
