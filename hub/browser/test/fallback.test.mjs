import assert from "node:assert/strict";
import test from "node:test";
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { follow, messages, newWorld, settle, states, subscribed } from "./fakes.mjs";
import { connect } from "./hub.mjs";

test("falls back when a socket is closed at once, and remembers", async () => {
  const w = newWorld();
  const hub = connect("http://h/falls");
  const state = states(hub);
  const t = follow(hub, "t", { recent: 2 });
  w.socket.end(); // never opens
  await w.pass(500);
  w.socket.accept(); // opens, and nothing comes
  w.socket.end();
  await w.pass(1000);
  assert.equal(hub.transport, "sse");
  assert.deepEqual(w.request.sub, [{ type: "subscribe", topic: "t", recent: 2 }]);
  assert.equal(w.request.headers.Accept, "text/event-stream");
  await w.request.stream();
  assert.equal(hub.state, "connecting"); // a proxy may hold the events back
  await w.request.say(subscribed("t", "e", 0), messages("t", "e", [[1, "a"]]));
  assert.equal(hub.state, "open");
  assert.deepEqual(t.told, ["1 a"]);
  assert.deepEqual(state.told, ["waiting", "connecting", "open", "waiting", "connecting", "open"]);
  await w.request.end();
  await w.pass(30000);
  assert.equal(hub.transport, "sse");
  assert.equal(w.sockets.length, 2);
  assert.deepEqual(w.request.sub, [{ type: "subscribe", topic: "t", epoch: "e", offset: 1 }]);
  hub.close();

  const second = connect("http://h/falls");
  assert.equal(second.transport, "sse");
  second.close();
  const third = connect("http://h/falls", { transports: ["poll"] });
  assert.equal(third.transport, "poll");
  third.close();
});

test("goes round, and keeps to what has worked while the server is down", async () => {
  const w = newWorld();
  const hub = connect("http://h/round");
  const tried = [];
  const step = async () => {
    await w.pass(w.due());
    await w.pass(0);
    tried.push(hub.transport);
    if (hub.transport === "ws") w.socket.end();
    else w.request.fail();
    await settle();
  };
  w.socket.end();
  for (let i = 0; i < 6; i++) await step();
  assert.deepEqual(tried, ["ws", "sse", "poll", "ws", "ws", "sse"]);
  await step();
  await w.pass(w.due());
  w.socket.accept();
  w.socket.say({ type: "pong" });
  w.socket.end();
  tried.length = 0;
  for (let i = 0; i < 6; i++) await step();
  assert.deepEqual(tried, ["ws", "ws", "ws", "ws", "ws", "sse"]);
  hub.close();
});

test("does without sockets that the page may not open", async () => {
  const w = newWorld();
  w.forbidden = true;
  const hub = connect("http://h/forbidden");
  await w.pass(2000);
  assert.equal(hub.transport, "sse");
  hub.close();
  const plain = globalThis.WebSocket;
  globalThis.WebSocket = undefined;
  const without = connect("http://h/nosocket");
  assert.equal(without.transport, "sse");
  without.close();
  globalThis.WebSocket = plain;
});

test("an answer that refuses the user ends it", async () => {
  const w = newWorld();
  const hub = connect("http://h/401", { transports: ["sse", "poll"] });
  const state = states(hub);
  await w.pass(0);
  await w.request.answer("", 401);
  assert.deepEqual(state.told, ["closed: status 401"]);
  const second = connect("http://h/503", { transports: ["poll"] });
  await w.pass(0);
  await w.request.answer("", 503);
  assert.equal(second.state, "waiting");
  second.close();
});

test("a stream is read in pieces", async () => {
  const w = newWorld();
  const hub = connect("http://h/pieces", { transports: ["sse"] });
  const t = follow(hub, "t");
  await w.pass(0);
  await w.request.stream();
  const text = `retry: 100\n\n: hb\n\ndata: ${JSON.stringify(subscribed("t", "e", 0))}\r\n\r\n` +
    `data: ${JSON.stringify(messages("t", "e", [[1, "grüße 🌬"]]))}\nid: opaque\n\n`;
  const bytes = new TextEncoder().encode(text);
  const raw = w.request.raw;
  const Encoder = globalThis.TextEncoder;
  globalThis.TextEncoder = class { encode(b) { return b; } };
  for (let i = 0; i < bytes.length; i++) await raw(bytes.subarray(i, i + 1));
  globalThis.TextEncoder = Encoder;
  assert.deepEqual(t.told, ["1 grüße 🌬"]);

  // Heartbeats keep it; their end does not.
  for (let i = 0; i < 4; i++) {
    await w.pass(25000);
    await w.request.raw(": hb\n\n");
  }
  assert.equal(hub.state, "open");
  await w.pass(39999);
  assert.equal(hub.state, "open");
  await w.pass(1);
  assert.equal(hub.state, "waiting");
  assert.equal(w.request.aborted, true);
  hub.close();
});

test("a stream is replaced when subscriptions change", async () => {
  const w = newWorld();
  const hub = connect("http://h/replaced", { transports: ["sse"] });
  const state = states(hub);
  const t = follow(hub, "t"), gone = follow(hub, "gone");
  await w.pass(0);
  const first = w.request;
  await first.stream();
  await first.say(subscribed("t", "e", 0), subscribed("gone", "", 0), messages("t", "e", [[1, "a"]]));
  gone.sub.close();
  follow(hub, "u");
  follow(hub, "v");
  assert.equal(w.requests.length, 1);
  await w.pass(0);
  assert.equal(w.requests.length, 2);
  assert.equal(first.aborted, true);
  assert.deepEqual(w.request.sub, [
    { type: "subscribe", topic: "t", epoch: "e", offset: 1 }, { type: "subscribe", topic: "u" }, { type: "subscribe", topic: "v" },
  ]);
  await w.request.stream();
  await w.request.say(subscribed("t", "e", 1, true), messages("t", "e", [[2, "b"]]));
  assert.deepEqual(t.told, ["1 a", "2 b"]);
  assert.deepEqual(state.told, ["open"]);
  hub.close();
  await w.pass(0);
  assert.equal(w.requests.length, 2);
});

test("more than a URL can say is polled for", async () => {
  const w = newWorld();
  const hub = connect("http://h/long", { transports: ["sse", "poll"] });
  for (let i = 0; i < 100; i++) follow(hub, "topics/with-a-long-name/" + i);
  await w.pass(500);
  assert.equal(hub.transport, "poll");
  assert.equal(w.requests.length, 1);
  assert.equal(w.request.sub.length, 100);
  hub.close();
});

test("polls in a session", async () => {
  const w = newWorld();
  const hub = connect("http://h/polls", { transports: ["poll"] });
  const t = follow(hub, "t"), plain = follow(hub, "plain");
  await w.pass(0);
  assert.equal(w.request.method, "POST");
  assert.equal(w.request.body.session, undefined);
  await w.request.answer([{ type: "session", id: "s1" }, subscribed("t", "e", 0), subscribed("plain", "", 0), messages("t", "e", [[1, "a"]])]);
  assert.deepEqual(w.request.body, { session: "s1", sub: [{ type: "subscribe", topic: "t", epoch: "e", offset: 1 }, { type: "subscribe", topic: "plain" }] });
  await w.request.answer([]);
  await w.request.answer([messages("plain", "", [[0, "p"]])]);
  assert.deepEqual([t.told, plain.told], [["1 a"], ["0 p"]]);

  // A change asks at once; what the server has answered before is not lost,
  // whichever answer is here first.
  const u = follow(hub, "u");
  follow(hub, "v");
  const old = w.request;
  await w.pass(0);
  const changed = w.request;
  assert.equal(old.aborted, false);
  assert.equal(changed.body.session, "s1");
  assert.equal(changed.sub.length, 4);
  follow(hub, "w");
  await w.pass(0);
  assert.equal(w.request, changed);
  await changed.answer([subscribed("u", "e", 7), messages("t", "e", [[2, "b"], [3, "c"]])]);
  assert.deepEqual([t.told, u.told], [[], []]);
  await old.answer([messages("plain", "", [[0, "q"]]), messages("t", "e", [[2, "b"]])]);
  assert.deepEqual([t.told, plain.told], [["2 b", "3 c"], ["0 q"]]);
  assert.equal(w.request.sub.length, 5);
  const before = w.requests.length;
  await w.request.answer([subscribed("w", "e", 0)]);
  assert.equal(w.requests.length, before + 1);

  // An answer that is lost may have held messages: a new session, and a gap
  // where there are no positions.
  w.request.fail();
  await w.pass(500);
  assert.equal(w.request.body.session, undefined);
  await w.request.answer([{ type: "session", id: "s2" }, subscribed("t", "e", 3, true), subscribed("plain", "", 0)]);
  assert.deepEqual([t.told, plain.told], [[], ["lost 0"]]);
  assert.equal(w.request.body.session, "s2");

  const last = w.requests.length;
  await w.request.answer([{ type: "reconnect", after: 70 }, messages("t", "e", [[4, "d"]])]);
  assert.deepEqual(t.told, ["4 d"]);
  assert.equal(hub.state, "waiting");
  assert.equal(w.due(), 70);
  assert.equal(w.requests.length, last);
  hub.close();
});

test("a token goes with each request, and is renewed", async () => {
  const w = newWorld();
  let n = 0;
  for (const [name, refuse] of [["sse", r => r.end()], ["poll", r => r.answer("", 401)]]) {
    n = 0;
    const hub = connect("http://h/token", { transports: [name], auth: () => `token ${++n}` });
    const state = states(hub);
    follow(hub, "t");
    await w.pass(0);
    assert.equal(w.request.headers.Authorization, "Bearer token 1");
    const first = w.request;
    if (name === "sse") {
      await first.stream();
      await first.say(subscribed("t", "e", 0));
    } else {
      await first.answer([{ type: "session", id: "s" }, subscribed("t", "e", 0)]);
    }
    hub.call("m").catch(() => {});
    assert.equal(w.request.headers.Authorization, "Bearer token 1");
    await refuse(name === "sse" ? first : w.requests.at(-2));
    await w.pass(500);
    assert.equal(w.request.headers.Authorization, "Bearer token 2");
    await w.request.answer("", 401); // the new one is no good either
    assert.deepEqual(state.told, ["open", "waiting", "connecting", "closed: status 401"]);
  }
});

test("runs as a classic script", async () => {
  const w = newWorld();
  vm.runInThisContext(readFileSync(new URL("hub.global.js", import.meta.url), "utf8"));
  const hub = globalThis.gale.connect("http://h/classic");
  w.socket.accept();
  assert.equal(hub.state, "open");
  hub.close();
});
