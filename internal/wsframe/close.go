package wsframe

import (
	"encoding/binary"
	"unicode/utf8"
)

// NoStatus is the code that stands for a close frame without one. It never
// goes over the wire.
const NoStatus = 1005

// ValidCode reports whether a close frame may carry code: those that RFC 6455
// section 7.4 and the IANA registry allow on the wire, and 3000 to 4999, which
// belong to libraries and applications.
func ValidCode(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}

// ParseClose returns the code and reason in the payload of a close frame that
// a [Parser] has let through; an empty one is [NoStatus].
func ParseClose(payload []byte) (code int, reason string) {
	if len(payload) < 2 {
		return NoStatus, ""
	}
	return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
}

func checkClose(payload []byte) *Error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return protocolError("close frame with half a code")
	case !ValidCode(int(binary.BigEndian.Uint16(payload))):
		return protocolError("close code that must not be sent")
	case !utf8.Valid(payload[2:]):
		return dataError("close reason that is not UTF-8")
	}
	return nil
}
