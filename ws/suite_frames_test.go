package ws_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/galeweb/gale/internal/wsframe"
)

func letters(n int) string { return strings.Repeat("abcdefghijklmnopqrstuvwxyz", n/26+1)[:n] }

func framingCases() (all []suiteCase) {
	for _, n := range []int{0, 1, 2, 7, 8, 9, 124, 125, 126, 127, 128, 1000, 4095, 4096, 4097, 16383, 16384, 16385, 65534, 65535, 65536, 65537} {
		s := letters(n)
		all = append(all,
			proper(fmt.Sprintf("text of %d bytes", n), say(masked(wsframe.Text, s), text(s))),
			proper(fmt.Sprintf("binary of %d bytes", n), say(masked(wsframe.Binary, s), bin(s))))
	}
	long := letters(16 << 20)
	header := func(first, second byte, length ...byte) []byte { return join([]byte{first, second}, length, key[:]) }
	maskKeys := [][4]byte{{}, {0xff, 0xff, 0xff, 0xff}, {1, 0, 0, 0}, {0, 0, 0, 1}}
	for _, k := range maskKeys {
		frame := wsframe.AppendMasked(nil, wsframe.Frame{Op: wsframe.Text, Last: true, Payload: []byte("masked by something")}, k)
		all = append(all, proper(fmt.Sprintf("mask %x", k), say(frame, text("masked by something"))))
	}
	var many []byte
	var echoes []string
	for i := range 200 {
		s := fmt.Sprintf("message %d", i)
		many = append(many, masked(wsframe.Text, s)...)
		echoes = append(echoes, text(s))
	}
	return append(all,
		large(proper("binary of 16 MiB", say(masked(wsframe.Binary, long), bin(long)))),
		proper("any byte", say(masked(wsframe.Binary, string(every())), bin(string(every())))),
		proper("200 messages at once", say(many, echoes...)),
		breach("no mask", wsframe.AppendFrame(nil, wsframe.Text, []byte("hi")), 1002),
		breach("no mask, empty", []byte{0x81, 0}, 1002),
		breach("no mask, control", []byte{0x89, 0}, 1002),
		breach("no mask in the second frame", join(fragment(wsframe.Text, "a"), []byte{0x80, 1}), 1002),
		breach("length 125 in 2 bytes", header(0x82, 0xfe, 0, 125), 1002),
		breach("length 0 in 2 bytes", header(0x82, 0xfe, 0, 0), 1002),
		breach("length 65535 in 8 bytes", header(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 1002),
		breach("length 1 in 8 bytes", header(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1), 1002),
		breach("length with the 64th bit", header(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1), 1002),
		breach("length of all ones", header(0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 1002),
		breach("HTTP in place of frames", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1002),
		breach("TLS in place of frames", []byte("\x16\x03\x01\x02\x00\x01"), 1002),
	)
}

func every() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func controlCases() (all []suiteCase) {
	for _, n := range []int{0, 1, 60, 124, 125} {
		s := letters(n)
		all = append(all,
			proper(fmt.Sprintf("ping of %d bytes", n), say(masked(wsframe.Ping, s), describe(wsframe.Pong, []byte(s)))),
			proper(fmt.Sprintf("pong of %d bytes", n), say(join(masked(wsframe.Pong, s), masked(wsframe.Text, "a")), text("a"))))
	}
	for op, name := range map[wsframe.Opcode]string{wsframe.Ping: "ping", wsframe.Pong: "pong", wsframe.Close: "close"} {
		all = append(all,
			breach(name+" of 126 bytes", []byte{0x80 | byte(op), 0xfe, 0, 126, 1, 2, 3, 4}, 1002),
			breach(name+" of 127 as a length", []byte{0x80 | byte(op), 0xff, 0, 0, 0, 0, 0, 1, 0, 0}, 1002),
			breach(name+" in fragments", []byte{byte(op), 0x80, 1, 2, 3, 4}, 1002),
			breach(name+" in fragments inside a message", join(fragment(wsframe.Text, "a"), []byte{byte(op), 0x80, 1, 2, 3, 4}), 1002))
	}
	pings := make([]suiteStep, 10)
	for i := range pings {
		s := fmt.Sprint("ping ", i)
		pings[i] = say(masked(wsframe.Ping, s), describe(wsframe.Pong, []byte(s)))
	}
	return append(all,
		proper("ping of any byte", say(masked(wsframe.Ping, string(every()[:125])), describe(wsframe.Pong, every()[:125]))),
		proper("ten pings, one by one", pings...),
		proper("ping, then text", say(masked(wsframe.Ping, "p"), describe(wsframe.Pong, []byte("p"))), say(masked(wsframe.Text, "t"), text("t"))),
		proper("pong that nobody asked for, then ping", say(join(masked(wsframe.Pong, "x"), masked(wsframe.Ping, "p")), describe(wsframe.Pong, []byte("p")))),
		proper("ping inside a message", say(join(fragment(wsframe.Text, "a"), masked(wsframe.Ping, "p")), describe(wsframe.Pong, []byte("p"))),
			say(masked(wsframe.Continuation, "b"), text("ab"))),
		proper("pong inside a message", say(join(fragment(wsframe.Text, "a"), masked(wsframe.Pong, "p"), masked(wsframe.Continuation, "b")), text("ab"))),
	)
}

func reservedCases() (all []suiteCase) {
	bits := map[byte]string{0x40: "RSV1", 0x20: "RSV2", 0x10: "RSV3", 0x60: "RSV1 and 2", 0x50: "RSV1 and 3", 0x30: "RSV2 and 3", 0x70: "all reserved bits"}
	ops := map[byte]string{1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
	for bit, bitName := range bits {
		for op, name := range ops {
			all = append(all, breach(bitName+" on "+name, []byte{0x80 | bit | op, 0x80, 1, 2, 3, 4}, 1002))
		}
		all = append(all, breach(bitName+" on a continuation", join(fragment(wsframe.Text, "a"), []byte{0x80 | bit}), 1002))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		all = append(all,
			breach(fmt.Sprintf("opcode %d", op), []byte{0x80 | op, 0x80, 1, 2, 3, 4}, 1002),
			breach(fmt.Sprintf("opcode %d after a message", op), join(masked(wsframe.Text, ""), []byte{0x80 | op}), 1002))
	}
	// The message before it is echoed first.
	for i := range all {
		if strings.HasSuffix(all[i].name, "after a message") {
			all[i].steps = []suiteStep{say(masked(wsframe.Text, "a"), text("a")), say(all[i].steps[0].send[6:], "close 1002")}
		}
	}
	return all
}

func fragmentationCases() (all []suiteCase) {
	for _, n := range []int{2, 3, 10, 1000} {
		var b []byte
		for i := range n {
			f := wsframe.Frame{Op: wsframe.Continuation, Last: i == n-1, Payload: []byte("ab")}
			if i == 0 {
				f.Op = wsframe.Text
			}
			b = wsframe.AppendMasked(b, f, key)
		}
		all = append(all, proper(fmt.Sprintf("%d fragments", n), say(b, text(strings.Repeat("ab", n)))))
	}
	flood := fragment(wsframe.Binary, "")
	for range 16384 {
		flood = append(flood, fragment(wsframe.Continuation, "")...)
	}
	big := letters(1 << 16)
	return append(all,
		proper("empty fragments", say(join(fragment(wsframe.Text, ""), fragment(wsframe.Continuation, ""), masked(wsframe.Continuation, "")), text(""))),
		proper("empty around one", say(join(fragment(wsframe.Text, ""), fragment(wsframe.Continuation, "a"), masked(wsframe.Continuation, "")), text("a"))),
		proper("16,384 empty fragments", say(join(flood[:16384*6], masked(wsframe.Continuation, "0123456789abcdef")), bin("0123456789abcdef"))),
		breach("16,385 empty fragments", flood, 1008),
		proper("64 KiB fragments", say(join(fragment(wsframe.Binary, big), fragment(wsframe.Continuation, big), masked(wsframe.Continuation, big)), bin(big+big+big))),
		proper("two fragmented messages", say(join(fragment(wsframe.Text, "a"), masked(wsframe.Continuation, "b"), fragment(wsframe.Binary, "c"), masked(wsframe.Continuation, "d")), text("ab"), bin("cd"))),
		proper("close inside a message", say(fragment(wsframe.Text, "a"))),
		breach("continuation first", masked(wsframe.Continuation, "a"), 1002),
		breach("continuation first, not last", fragment(wsframe.Continuation, "a"), 1002),
		breach("text inside a message", join(fragment(wsframe.Text, "a"), masked(wsframe.Text, "b")), 1002),
		breach("binary inside a message", join(fragment(wsframe.Text, "a"), masked(wsframe.Binary, "b")), 1002),
		breach("fragment of text inside a message", join(fragment(wsframe.Binary, "a"), fragment(wsframe.Text, "b")), 1002),
		suiteCase{name: "continuation after the last", steps: []suiteStep{
			say(join(fragment(wsframe.Text, "a"), masked(wsframe.Continuation, "b")), text("ab")), say(masked(wsframe.Continuation, "c"), "close 1002"),
		}},
	)
}

func closeCases() (all []suiteCase) {
	closing := func(name string, payload string, want string) suiteCase {
		return suiteCase{name: name, steps: []suiteStep{say(masked(wsframe.Close, payload), want)}}
	}
	code := func(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
	for _, n := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, closing(fmt.Sprintf("code %d", n), code(n), fmt.Sprintf("close %d", n)))
	}
	for _, n := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535} {
		all = append(all, closing(fmt.Sprintf("code %d must not be sent", n), code(n), "close 1002"))
	}
	for _, n := range []int{1, 2, 122, 123} {
		all = append(all, closing(fmt.Sprintf("reason of %d bytes", n), code(1000)+letters(n), "close 1000"))
	}
	return append(all,
		closing("no code", "", `close ""`),
		closing("half a code", "\x03", "close 1002"),
		closing("reason in UTF-8", code(1000)+"auf Wiedersehen, Größe €😀", "close 1000"),
		closing("reason not UTF-8", code(1000)+"\xff", "close 1007"),
		closing("reason with a cut character", code(1000)+"\xe2\x82", "close 1007"),
		closing("reason with a surrogate", code(1000)+"\xed\xa0\x80", "close 1007"),
		suiteCase{name: "text behind it is ignored", steps: []suiteStep{say(join(closeFrame(1000, ""), masked(wsframe.Text, "late")), "close 1000")}},
		suiteCase{name: "ping behind it is ignored", steps: []suiteStep{say(join(closeFrame(1000, ""), masked(wsframe.Ping, "late")), "close 1000")}},
		suiteCase{name: "garbage behind it is ignored", steps: []suiteStep{say(join(closeFrame(1000, ""), []byte{0xff, 0xff, 0xff}), "close 1000")}},
		suiteCase{name: "a second one is ignored", steps: []suiteStep{say(join(closeFrame(4000, ""), closeFrame(4001, "")), "close 4000")}},
		suiteCase{name: "text behind a breach is ignored", steps: []suiteStep{say(join([]byte{0xff}, masked(wsframe.Text, "late"), closeFrame(1000, "")), "close 1002")}},
		suiteCase{name: "messages before it are answered", steps: []suiteStep{
			say(join(masked(wsframe.Text, "a"), masked(wsframe.Text, "b")), text("a"), text("b")), leave(),
		}},
	)
}

func limitCases() (all []suiteCase) {
	header := func(n uint64) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, n), 1, 2, 3, 4)
	}
	mega := letters(1 << 20)
	for _, c := range []suiteCase{
		proper("message of the limit", say(masked(wsframe.Binary, letters(1000)), bin(letters(1000)))),
		breach("message over the limit", masked(wsframe.Binary, letters(1001)), 1009),
		breach("only the header of 64 KiB", header(65536), 1009),
		breach("only the header of a petabyte", header(1<<50), 1009),
		breach("only the header of 2⁶³-1 bytes", header(1<<63-1), 1009),
		proper("fragments up to the limit", say(join(fragment(wsframe.Binary, letters(600)), masked(wsframe.Continuation, letters(400))), bin(letters(600)+letters(400)))),
		breach("fragments over the limit", join(fragment(wsframe.Binary, letters(600)), masked(wsframe.Continuation, letters(401))), 1009),
		breach("an empty fragment after the limit, then a byte", join(fragment(wsframe.Binary, letters(1000)), fragment(wsframe.Continuation, ""), masked(wsframe.Continuation, "x")), 1009),
		proper("the limit is of one message", say(masked(wsframe.Text, letters(1000)), text(letters(1000))), say(masked(wsframe.Text, letters(1000)), text(letters(1000)))),
		proper("a ping is not counted", say(join(fragment(wsframe.Text, letters(999)), masked(wsframe.Ping, letters(125))), describe(wsframe.Pong, []byte(letters(125)))),
			say(masked(wsframe.Continuation, "z"), text(letters(999)+"z"))),
	} {
		all = append(all, on("/small", c))
	}
	return append(all,
		large(proper("messages of 1 MiB after each other", say(masked(wsframe.Text, mega), text(mega)), say(masked(wsframe.Binary, mega), bin(mega)))),
		breach("16 MiB and a byte", header(16<<20+1), 1009))
}

// randomCases are conversations that nobody thought of, the same in each run.
func randomCases() (all []suiteCase) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var steps []suiteStep
		for range 5 {
			var step suiteStep
			for range 1 + r.IntN(5) {
				op, payload := wsframe.Binary, make([]byte, r.IntN(3000))
				for i := range payload {
					payload[i] = byte('a' + r.IntN(26))
				}
				if r.IntN(2) == 0 {
					op = wsframe.Text
				}
				step.want = append(step.want, describe(op, payload))
				for first := true; ; first = false {
					n := r.IntN(len(payload) + 1)
					f := wsframe.Frame{Op: op, Payload: payload[:n], Last: n == len(payload)}
					if !first {
						f.Op = wsframe.Continuation
					}
					step.send = wsframe.AppendMasked(step.send, f, [4]byte{byte(r.Uint32()), 2, 3, 4})
					if r.IntN(3) == 0 {
						step.send = append(step.send, masked(wsframe.Pong, "between")...)
					}
					if payload = payload[n:]; f.Last {
						break
					}
				}
			}
			steps = append(steps, step)
		}
		all = append(all, proper(fmt.Sprint("seed ", seed), steps...))
	}
	return all
}
