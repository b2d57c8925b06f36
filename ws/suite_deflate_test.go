package ws_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/galeweb/gale/internal/wsframe"
)

const (
	plainOffer  = "permessage-deflate"
	usualAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
)

// deflated compresses with the standard library, and cuts the tail off.
func deflated(s string, level int) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, level)
	_, _ = w.Write([]byte(s))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// packed is a masked compressed message, of which payload is as it goes over the
// wire.
func packed(op wsframe.Opcode, payload string) []byte {
	return wsframe.AppendMasked(nil, wsframe.Frame{Op: op, Last: true, Compressed: true, Payload: []byte(payload)}, key)
}

func negotiationCases() (all []suiteCase) {
	type c struct{ name, offer, answer string }
	for _, c := range []c{
		{"nothing asked", "permessage-deflate", usualAnswer},
		{"as Chrome asks", "permessage-deflate; client_max_window_bits", usualAnswer},
		{"client_max_window_bits with a value", "permessage-deflate; client_max_window_bits=10", usualAnswer},
		{"client_max_window_bits quoted", `permessage-deflate; client_max_window_bits="15"`, usualAnswer},
		{"client_max_window_bits of 8", "permessage-deflate; client_max_window_bits=8", usualAnswer},
		{"server_no_context_takeover", "permessage-deflate; server_no_context_takeover", usualAnswer},
		{"client_no_context_takeover", "permessage-deflate; client_no_context_takeover", usualAnswer},
		{"both without takeover", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", usualAnswer},
		{"the other way round", "permessage-deflate; client_no_context_takeover; server_no_context_takeover", usualAnswer},
		{"no blanks", "permessage-deflate;server_no_context_takeover;client_max_window_bits=12", usualAnswer},
		{"blanks and tabs", "permessage-deflate \t; \t server_no_context_takeover \t", usualAnswer},
		{"blanks around =", "permessage-deflate; server_max_window_bits = 10", usualAnswer + "; server_max_window_bits=10"},
		{"server_max_window_bits of 8", "permessage-deflate; server_max_window_bits=8", usualAnswer + "; server_max_window_bits=8"},
		{"server_max_window_bits of 15", "permessage-deflate; server_max_window_bits=15", usualAnswer + "; server_max_window_bits=15"},
		{"server_max_window_bits quoted", `permessage-deflate; server_max_window_bits="1\0"`, usualAnswer + "; server_max_window_bits=10"},
		{"server_max_window_bits of 7", "permessage-deflate; server_max_window_bits=7", ""},
		{"server_max_window_bits of 16", "permessage-deflate; server_max_window_bits=16", ""},
		{"server_max_window_bits of 0", "permessage-deflate; server_max_window_bits=0", ""},
		{"server_max_window_bits with a leading zero", "permessage-deflate; server_max_window_bits=010", ""},
		{"server_max_window_bits with a sign", "permessage-deflate; server_max_window_bits=+10", ""},
		{"server_max_window_bits negative", "permessage-deflate; server_max_window_bits=-10", ""},
		{"server_max_window_bits of words", "permessage-deflate; server_max_window_bits=ten", ""},
		{"server_max_window_bits without a value", "permessage-deflate; server_max_window_bits", ""},
		{"client_max_window_bits of 16", "permessage-deflate; client_max_window_bits=16", ""},
		{"client_max_window_bits of 7", "permessage-deflate; client_max_window_bits=7", ""},
		{"takeover with a value", "permessage-deflate; server_no_context_takeover=1", ""},
		{"takeover with an empty string's place", "permessage-deflate; client_no_context_takeover=x", ""},
		{"server_no_context_takeover twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
		{"client_max_window_bits twice", "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10", ""},
		{"unknown parameter", "permessage-deflate; foo", ""},
		{"unknown parameter with a value", "permessage-deflate; foo=bar", ""},
		{"unknown parameter in a string", `permessage-deflate; foo="bar"`, ""},
		{"second offer", "permessage-deflate; foo, permessage-deflate", usualAnswer},
		{"second offer with another window", "permessage-deflate; server_max_window_bits=99, permessage-deflate; server_max_window_bits=9", usualAnswer + "; server_max_window_bits=9"},
		{"first of two good ones", "permessage-deflate; server_max_window_bits=11, permessage-deflate", usualAnswer + "; server_max_window_bits=11"},
		{"other extension", "x-webkit-deflate-frame", ""},
		{"other extension with parameters", `foo; a=1; b="two"; c`, ""},
		{"other extension before", "foo; a=1, permessage-deflate", usualAnswer},
		{"other extension behind", "permessage-deflate, foo", usualAnswer},
		{"name in capitals is another one", "Permessage-Deflate", ""},
		{"name with more behind", "permessage-deflate2", ""},
		{"permessage-bzip2", "permessage-bzip2", ""},
		{"empty elements", ", ,permessage-deflate,,", usualAnswer},
		{"only commas", ",,", ""},
	} {
		all = append(all, on("/deflate", suiteCase{name: c.name, offer: []string{c.offer}, answer: c.answer, steps: []suiteStep{leave()}}))
	}
	for name, offer := range map[string]string{
		"no name": "; foo", "no parameter": "permessage-deflate;", "no parameter between": "permessage-deflate; ; foo", "no value": "permessage-deflate; a=",
		"empty string": `permessage-deflate; a=""`, "open string": `permessage-deflate; a="b`, "blank in a string": `permessage-deflate; a="b c"`,
		"words side by side": "permessage-deflate foo", "no token": "permessage/deflate", "text behind a string": `a; b="c"d`, "two values": "a; b=c=d",
		"a backslash at the end": `a; b="c\`, "a bad one behind a good one": "permessage-deflate, =",
	} {
		all = append(all, on("/deflate", suiteCase{name: "malformed: " + name, offer: []string{offer}, status: 400}))
	}
	return append(all,
		on("/deflate", suiteCase{name: "two header lines", offer: []string{"foo", plainOffer}, answer: usualAnswer, steps: []suiteStep{leave()}}),
		on("/deflate", suiteCase{name: "no offer", steps: []suiteStep{leave()}}),
		on("/echo", suiteCase{name: "compression is off", offer: []string{plainOffer}, steps: []suiteStep{leave()}}),
		on("/echo", suiteCase{name: "compression is off, malformed", offer: []string{"="}, steps: []suiteStep{leave()}}),
		on("/dictionary", suiteCase{
			name: "dictionary", offer: []string{plainOffer}, answer: "permessage-deflate; client_no_context_takeover", steps: []suiteStep{leave()},
		}),
		on("/dictionary", suiteCase{
			name: "dictionary that the client does not want", offer: []string{"permessage-deflate; server_no_context_takeover"}, answer: usualAnswer, steps: []suiteStep{leave()},
		}),
	)
}

// deflating is a conversation with compression.
func deflating(c suiteCase) suiteCase {
	c.path, c.offer, c.answer = "/deflate", []string{plainOffer}, usualAnswer
	return c
}

func compressionCases() (all []suiteCase) {
	add := func(c suiteCase) { all = append(all, deflating(c)) }
	for _, n := range []int{0, 1, 16, 125, 126, 127, 1000, 4096, 32767, 32768, 65535, 65536} {
		for _, level := range []int{0, 1, 9} {
			s := letters(n)
			want := "packed " + text(s)
			if n < 30 { // nothing to gain
				want = text(s)
			}
			add(proper(fmt.Sprintf("text of %d bytes at level %d", n, level), say(packed(wsframe.Text, deflated(s, level)), want)))
		}
	}
	mega := letters(1 << 20)
	chaos := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range chaos {
		chaos[i] = byte(r.Uint32())
	}
	hello := deflated("Hello", 6)
	long := letters(3000)
	longPacked := deflated(long, 6)
	var dribble []byte
	for i := range len(longPacked) {
		f := wsframe.Frame{Op: wsframe.Continuation, Last: i == len(longPacked)-1, Compressed: i == 0, Payload: []byte{longPacked[i]}}
		if i == 0 {
			f.Op = wsframe.Text
		}
		dribble = wsframe.AppendMasked(dribble, f, key)
	}
	half := len(longPacked) / 2
	first := func(payload string) []byte {
		return wsframe.AppendMasked(nil, wsframe.Frame{Op: wsframe.Text, Compressed: true, Payload: []byte(payload)}, key)
	}
	// Blocks end at whole bytes, so a bomb is one of them, repeated.
	zeros := strings.Repeat("\x00", 1<<16)
	bomb := func(blocks int) string { return strings.Repeat(deflated(zeros, 6)+"\x00\x00\xff\xff", blocks) + "\x00" }

	add(large(proper("text of 1 MiB", say(packed(wsframe.Text, deflated(mega, 1)), "packed "+text(mega)))))
	add(large(proper("what cannot be compressed", say(packed(wsframe.Binary, deflated(string(chaos), 0)), bin(string(chaos))))))
	add(proper("example of the RFC", say(packed(wsframe.Text, "\xf2\x48\xcd\xc9\xc9\x07\x00"), text("Hello"))))
	add(proper("example of the RFC, in fragments", say(join(first("\xf2\x48\xcd"), masked(wsframe.Continuation, "\xc9\xc9\x07\x00")), text("Hello"))))
	add(proper("example of the RFC, stored", say(packed(wsframe.Text, "\x00\x05\x00\xfa\xffHello\x00"), text("Hello"))))
	add(proper("example of the RFC, final block", say(packed(wsframe.Text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), text("Hello"))))
	add(proper("example of the RFC, two blocks", say(packed(wsframe.Text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), text("Hello"))))
	add(proper("final block and nothing behind", say(packed(wsframe.Text, "\xf3\x48\xcd\xc9\xc9\x07\x00"), text("Hello"))))
	add(proper("empty", say(packed(wsframe.Text, "\x00"), text(""))))
	add(proper("empty as a static block", say(packed(wsframe.Text, "\x02\x00"), text(""))))
	add(breach("no bytes at all", packed(wsframe.Text, ""), 1007))
	add(proper("plain beside compressed", say(join(masked(wsframe.Text, "a"), packed(wsframe.Text, hello), masked(wsframe.Text, "b")), text("a"), text("Hello"), text("b"))))
	add(proper("fragments", say(join(first(longPacked[:half]), masked(wsframe.Continuation, longPacked[half:])), "packed "+text(long))))
	add(proper("a fragment for each byte", say(dribble, "packed "+text(long))))
	add(proper("empty fragments around", say(join(first(""), fragment(wsframe.Continuation, longPacked), masked(wsframe.Continuation, "")), "packed "+text(long))))
	add(proper("ping between fragments", say(join(first(hello[:2]), masked(wsframe.Ping, "p")), describe(wsframe.Pong, []byte("p"))), say(masked(wsframe.Continuation, hello[2:]), text("Hello"))))
	add(proper("binary", say(packed(wsframe.Binary, longPacked), "packed "+bin(long))))
	add(proper("the same again refers to nothing", say(packed(wsframe.Text, longPacked), "packed "+text(long)), say(packed(wsframe.Text, longPacked), "packed "+text(long))))
	add(proper("valid UTF-8", say(packed(wsframe.Text, deflated("κόσμε🏳️‍🌈", 6)), text("κόσμε🏳️‍🌈"))))
	add(proper("bomb within the limit", say(packed(wsframe.Binary, bomb(16)), "packed "+bin(strings.Repeat(zeros, 16)))))
	add(breach("bomb over the limit by a byte", packed(wsframe.Binary, "\x00\x01\x00\xfe\xffx"+bomb(16)), 1009))
	add(breach("bomb of 64 MiB", packed(wsframe.Binary, bomb(1024)), 1009))
	add(breach("bomb in fragments", join(first(bomb(128)[:100]), masked(wsframe.Continuation, bomb(128)[100:])), 1009))
	add(breach("header over the limit", append([]byte{0xc2, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0}, 1, 2, 3, 4), 1009))
	add(breach("reserved block type", packed(wsframe.Text, "\x06\x00"), 1007))
	add(breach("not deflate", packed(wsframe.Text, "\xff\xff\xff\xff"), 1007))
	add(breach("stored block with a wrong complement", packed(wsframe.Text, "\x00\x05\x00\x00\x00Hello\x00"), 1007))
	add(breach("cut in the middle", packed(wsframe.Text, longPacked[:half]), 1007))
	add(breach("distance before the beginning", packed(wsframe.Text, deflated(long, 6)[:4]+"\x02\x13\x00"), 1007))
	add(breach("bytes behind the final block", packed(wsframe.Text, "\xf3\x48\xcd\xc9\xc9\x07\x00Hello"), 1007))
	add(breach("what the last message held", packed(wsframe.Text, afterHello()), 1007))
	for _, c := range invalidTexts()[:12] {
		add(breach("not UTF-8: "+c.name, packed(wsframe.Text, deflated(c.s, 6)), 1007))
	}
	add(breach("not UTF-8 after 100 KB", packed(wsframe.Text, deflated(letters(100_000)+"\xff", 6)), 1007))
	add(breach("character cut at the end", packed(wsframe.Text, deflated("a\xe2\x82", 6)), 1007))
	add(breach("compressed ping", []byte{0xc9, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("compressed pong", []byte{0xca, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("compressed close", []byte{0xc8, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("compressed continuation", join(first(hello[:2]), []byte{0xc0, 0x80, 1, 2, 3, 4}), 1002))
	add(breach("compressed continuation of a plain message", join(fragment(wsframe.Text, "a"), []byte{0xc0, 0x80, 1, 2, 3, 4}), 1002))
	add(breach("RSV2 with compression", []byte{0xa1, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("RSV1 and 2 with compression", []byte{0xe1, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("RSV3 with compression", []byte{0x91, 0x80, 1, 2, 3, 4}, 1002))
	add(breach("RSV1 with a reserved opcode", []byte{0xc3, 0x80, 1, 2, 3, 4}, 1002))

	all = append(all, windowCases()...)
	return append(all,
		on("/deflate", breach("declined, and sent all the same", packed(wsframe.Text, hello), 1002)),
		suiteCase{
			name: "short messages stay plain", path: "/sizes", offer: []string{plainOffer}, answer: usualAnswer,
			steps: []suiteStep{say(masked(wsframe.Text, letters(199)), text(letters(199))), say(masked(wsframe.Text, letters(200)), "packed "+text(letters(200))), leave()},
		},
		suiteCase{
			name: "dictionary", path: "/dictionary", offer: []string{plainOffer}, answer: "permessage-deflate; client_no_context_takeover",
			steps: dictionarySteps(),
		},
	)
}

// afterHello refers to a "Hello" before it.
func afterHello() string {
	var b bytes.Buffer
	w, _ := flate.NewWriterDict(&b, 9, []byte("Hello, Hello, Hello"))
	_, _ = w.Write([]byte("Hello, Hello, Hello"))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// windowCases: what goes out must not reach back further than the client's
// inflater does.
func windowCases() (all []suiteCase) {
	for bits := 8; bits <= 15; bits++ {
		fits, over := letters(1<<bits), letters(1<<bits+1)
		want := text(over)
		if bits == 15 {
			want = "packed " + want // deflate itself reaches no further
		}
		all = append(all, suiteCase{
			name: fmt.Sprintf("window of %d bits", bits), path: "/deflate",
			offer:  []string{fmt.Sprintf("permessage-deflate; server_max_window_bits=%d", bits)},
			answer: fmt.Sprintf(usualAnswer+"; server_max_window_bits=%d", bits),
			steps:  []suiteStep{say(masked(wsframe.Text, fits), "packed "+text(fits)), say(masked(wsframe.Text, over), want), leave()},
		})
	}
	return all
}

// dictionarySteps are messages like each other, of which some are too random to
// be compressed and therefore must not enter the dictionary.
func dictionarySteps() (steps []suiteStep) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 30 {
		s := fmt.Sprintf(`{"device":"anemometer %d","value":%d,"unit":"m/s","note":%q}`, i%3, r.IntN(100), letters(100+i*40))
		steps = append(steps, say(masked(wsframe.Text, s), "packed "+text(s)))
		noise := make([]byte, 64)
		for j := range noise {
			noise[j] = byte(r.Uint32())
		}
		steps = append(steps, say(masked(wsframe.Binary, string(noise)), bin(string(noise))))
	}
	return append(steps, leave())
}
