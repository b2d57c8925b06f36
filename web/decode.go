package web

import (
	"net/http"
	"reflect"

	"github.com/go-json-experiment/json"
)

// maxDepth is how deep the arrays and objects of a body may be nested. What
// people write is below ten; depth costs stack, and jsontext alone would take
// 10,000.
const maxDepth = 64

// strict is how every body is decoded. Duplicate names, invalid UTF-8 and
// names in the wrong case are refused by json/v2 itself.
var strict = json.RejectUnknownMembers(true)

// DecodeJSON reads the body of r as one JSON value of type T, checks it as
// [JSON] does, and returns it. It is for handlers that are not a [JSON].
//
// The body is refused with an [*Error] of status
//
//   - 415 when its Content-Type is not application/json or one that ends in
//     +json, or when its charset is not UTF-8;
//   - 413 (an [*http.MaxBytesError]) when it is larger than the limit, see
//     [LimitBody];
//   - 400 when it is empty, is not one JSON value, is nested deeper than 64
//     levels, has a member that T does not know or one twice, or a value of the
//     wrong type; up to 16 such problems are named at once, with their JSON
//     pointer, line and column;
//   - 422 when a validate tag or the Validate method of T refuses it.
func DecodeJSON[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var v T
	rules := checker().rulesFor(reflect.TypeFor[T]())
	if err := decodeBody(w, r, &v); err != nil {
		return v, err
	}
	return v, rules.check(&v)
}

// decodeBody reads r's body into the pointer v.
func decodeBody(w http.ResponseWriter, r *http.Request, v any) error {
	if r.Body == nil || r.Body == http.NoBody {
		return missingBody()
	}
	if err := needType(r, "application/json", isJSON); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return missingBody()
	}
	return decode(body, v)
}

func missingBody() error {
	return malformed(Problem{Code: "required", Detail: "a JSON body is required"})
}

// decode sets the pointer v from data. On an error, data is overwritten.
func decode(data []byte, v any) error {
	if at := tooDeep(data, maxDepth); at >= 0 {
		return malformed(Problem{Code: "depth", Detail: "is nested too deep " + position(data, at)})
	}
	if err := json.Unmarshal(data, v, strict); err != nil {
		return refused(data, v, err)
	}
	return nil
}

// tooDeep returns the offset of the first bracket that is nested deeper than
// limit, or -1. It counts brackets outside strings, which is exact for valid
// JSON; the decoder refuses the rest.
func tooDeep(data []byte, limit int) int {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inString = !inString
		case inString:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}
