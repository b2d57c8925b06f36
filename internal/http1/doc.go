// Package http1 is HTTP/1.1 and HTTP/1.0 for servers: bytes in and requests
// out, responses in and bytes out. It has no I/O and no clock, so that one codec
// serves gale's event loop, blocking connections and fuzzers alike.
//
//	var s http1.Scanner                       // for each head
//	buf = buf[http1.Skip(buf):]
//	n, err := s.Next(buf, limits)             // 0: more must come
//	var r http1.Request
//	err = http1.Parse(string(buf[:n]), &r, nil, limits)
//	…                                         // a body of r.ContentLength, or http1.Chunked
//	head, framing := http1.AppendResponse(nil, &http1.Response{…})
//
// A [Scanner] and a [Chunked] belong to one goroutine at a time; the functions
// have no state.
//
// # Security
//
// After an [Error] the connection must be closed: where the next message starts
// is not known. All that is accepted, [http.ReadRequest] accepts with the same
// meaning; testdata/smuggling.txt lists attacks and what comes of each. Stricter
// than net/http:
//
//	what                                                   gale      net/http
//	a line that ends in LF alone                           400       a line
//	a line that starts with white space (obs-fold)         400       joined
//	a space before the colon of a field                    400       400, by its server only
//	Content-Length and Transfer-Encoding                   400       the latter
//	Content-Length twice, of equal value                   400       one
//	Content-Length of more than 19 digits                  400       when below 2^63
//	Transfer-Encoding in HTTP/1.0                          400       ignored
//	a malformed Transfer-Encoding                          400       501
//	Host missing from CONNECT in HTTP/1.1                  400       served
//	Host that is not name, address or [address], and port  400       when its bytes are a host's
//	% in a host, user information before one               400       served
//	a port beyond 65535                                    400       served
//	bytes beyond ASCII in a target                         400       served
//	a target in absolute form that is not http or https    400       served
//	the target * for another method than OPTIONS           400       served
//	CONNECT to what is neither host:port nor a path        400       served
//	HTTP/1.2 to HTTP/1.9                                   505       as HTTP/1.1
//	Expect with more than 100-continue                     417       when it is among them
//	Trailer that announces what is no name                 400       served
//	… or a field that frames, routes or ends a message     400       but for three
//	such a field in a trailer section                      400       served
//	white space after a chunk size                         400       cut
//	a chunk size of 16 digits                              400       served
//	a control byte in a chunk extension                    400       ignored
//	a chunk size line of more than 1 KiB                   400       4 KiB
//	more than 64 trailer fields                            431       4 KiB of them
//
// More lenient than net/http: [Skip] drops empty lines before a request line, as
// RFC 9112 section 2.2 asks for. A # in a target is a part of its path or query,
// as in net/http.
//
// # Responses
//
// [AppendResponse] sends what net/http's server sends, byte for byte, but:
//
//   - A Content-Length that is not a number of at most 19 digits is never sent,
//     and of several only the first. Nor is a field whose name is Content-Length
//     or Transfer-Encoding in other case, or such a trailer field.
//   - Of close and keep-alive in the Connection of an HTTP/1.0 request, close
//     counts, and in every request such words are told apart by commas only.
//   - [AppendInterim] is for HTTP/1.1: net/http also sends 1xx to HTTP/1.0.
//
// # Limits
//
// [Limits] bounds heads; the limits of chunked bodies are constants, told at
// [Chunked]. Memory is bounded by them: the head, its map and, while a trailer
// section comes, 4 KiB.
package http1
