package http1

import "net/http"

const (
	sniffLength = 512
	plainText   = "text/plain; charset=utf-8"
)

// sniff is [http.DetectContentType], with a quick way for text that starts as
// most answers do: none of the signatures can match there.
func sniff(p []byte) string {
	p = p[:min(len(p), sniffLength)]
	if noSignature(p) && isText(p) {
		return plainText
	}
	return http.DetectContentType(p)
}

// noSignature reports whether the start of p cannot be one of those of the MIME
// Sniffing Standard, which are of pictures, fonts and the like.
func noSignature(p []byte) bool {
	switch c := p[0]; {
	case c == '{', c == '[', c == '"', c-'0' <= 9, c-'a' < 26 && c != 't' && c != 'w':
	case c == 'A', c == 'C', c == 'D', c == 'E', c == 'H', c == 'L', c == 'N', c == 'S', c == 'T', c == 'U', c == 'W', c == 'Y':
	default:
		return false
	}
	// The signature of a kind of font stands behind bytes of any kind.
	return len(p) < 36 || p[34] != 'L' || p[35] != 'P'
}

func isText(p []byte) bool {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		if controls(word(p, i)) != 0 && !isTextSlow(p[i:i+8]) {
			return false
		}
	}
	return isTextSlow(p[i:])
}

// isTextSlow reports whether p has no control bytes but those of text. There are
// more that the standard takes for text: they are left to net/http.
func isTextSlow(p []byte) bool {
	for _, c := range p {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
