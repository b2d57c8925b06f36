package main

import (
	"fmt"

	"github.com/galeweb/gale/bench/internal/load"
)

// work is one thing to measure.
type work struct {
	id, title, note string
	kind            kind
	streams         []load.Stream // of a load; the first one's latencies are shown
	length          int           // how many times the usual time a load takes
	connections     int           // of idle ones
	tls             bool
}

type kind int

const (
	underLoad kind = iota
	idle
	allocs
)

const (
	hello  = "Hello, World!"
	host   = "Host: bench.test\r\n"
	packet = `{"id":4711,"channel":"north-sea","name":"buoy 12","tags":["wind","gust","wave"],"lat":54.1767,"lon":7.8867,"live":true}`
)

// browser are the headers that a browser sends, Host among them thirteen.
const browser = host +
	"Connection: keep-alive\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: navigate\r\n" +
	"Referer: https://bench.test/packets\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
	"Cookie: session=3q2-7wAAAAB0aGlzIGlzIG5vdCBhIHNlc3Npb24; theme=dark\r\n"

func get(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\n" + headers + "\r\n"
}

// closed is a stream whose connections send as soon as they are answered.
func closed(request string, connections int) load.Stream {
	return load.Stream{Request: request, Body: hello, Connections: connections}
}

func works() []work {
	plain := get("/plain", host)
	json := load.Stream{
		Request:     fmt.Sprintf("POST /json HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(packet), packet),
		Body:        packet,
		Connections: 64,
	}
	pipelined := closed(plain, 64)
	pipelined.Pipeline = 16
	quick, mixed := closed(plain, 32), closed(get("/mixed", host), 32)
	quick.Rate, mixed.Rate = 1500, 1500
	one := func(id, title string, s load.Stream) work {
		return work{id: id, title: title, streams: []load.Stream{s}, length: 1}
	}
	blocking := one("blocking", "A handler that blocks for 5 ms, 512 connections", closed(get("/sleep", host), 512))
	blocking.note = "With 512 connections 102,400 req/s would be the ideal. Tornado blocks its loop: in a round no request has waited its turn through, so its true p99 is longer."
	count := func(id, title string, s load.Stream) work {
		return work{id: id, title: title, kind: allocs, streams: []load.Stream{s}, length: 1}
	}
	return []work{
		one("plain", "Plain text, 64 connections", closed(plain, 64)),
		one("plain512", "Plain text, 512 connections", closed(plain, 512)),
		one("json", "JSON in and out, 64 connections", json),
		one("browser", "Plain text, the 13 headers of a browser, 64 connections", closed(get("/plain", browser), 64)),
		one("pipelined", "Plain text, pipelined x16, 64 connections", pipelined),
		blocking,
		{
			id: "other", title: "A quick route while 1 % of another's requests block for 5 ms", streams: []load.Stream{quick, mixed}, length: 2,
			note: "Paced: 1,500 req/s to each route, 32 connections each. p50 and p99 are the quick route's, counted from when a request was due.",
		},
		{id: "idle10k", title: "10k", kind: idle, connections: 10_000},
		{id: "idle19k", title: "19k", kind: idle, connections: 19_000},
		{id: "idletls", title: "TLS, 5k", kind: idle, connections: 5_000, tls: true},
		count("allocs", "plain", closed(plain, 1)),
		count("allocs13", "browser-like", closed(get("/plain", browser), 1)),
	}
}
