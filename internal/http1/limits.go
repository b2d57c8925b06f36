package http1

// Limits bounds the head of a request. Zero or negative fields mean the
// defaults.
type Limits struct {
	// RequestLine is the greatest length of the request line in bytes, without
	// its CRLF. Beyond it a request is refused with 414. Defaults to 16 KiB.
	RequestLine int
	// Header is the greatest length of all header lines together in bytes, with
	// their CRLFs. Beyond it a request is refused with 431. Defaults to 64 KiB.
	Header int
	// Fields is the greatest number of header lines. Beyond it a request is
	// refused with 431. Defaults to 256.
	Fields int
}

const (
	defaultRequestLine = 16 << 10
	defaultHeader      = 64 << 10
	defaultFields      = 256
	// maxLimit keeps all positions in a head within 31 bits.
	maxLimit = 1 << 29
)

func (l Limits) withDefaults() Limits {
	l.RequestLine = limit(l.RequestLine, defaultRequestLine)
	l.Header = limit(l.Header, defaultHeader)
	l.Fields = limit(l.Fields, defaultFields)
	return l
}

func limit(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return min(n, maxLimit)
}

func errLineTooLong() *Error {
	return &Error{Status: 414, Kind: "request_line_too_long", Reason: "the request line is too long"}
}

func errHeaderTooLarge() *Error {
	return &Error{Status: 431, Kind: "header_too_large", Reason: "the header is too large"}
}

func errTooManyFields() *Error {
	return &Error{Status: 431, Kind: "too_many_fields", Reason: "the header has too many fields"}
}
