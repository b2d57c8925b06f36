import assert from "node:assert/strict";
import test from "node:test";
import { newWorld, settle } from "./fakes.mjs";
import { connect } from "./hub.mjs";

const only = { transports: ["ws"] };
const outcome = promise => promise.then(data => ({ data }), err => ({ code: err.code, message: err.message, data: err.data, name: err.name }));

test("answers find their calls", async () => {
  const w = newWorld();
  const hub = connect("http://h/answers", only);
  const early = hub.call("early", { n: 1 }); // waits for the connection
  w.socket.accept();
  const late = outcome(hub.call("late", undefined, { timeout: 500 }));
  assert.deepEqual(w.socket.said.filter(m => m.type === "call"), [
    { type: "call", id: 1, method: "early", data: { n: 1 } },
    { type: "call", id: 2, method: "late", timeout: 500 },
  ]);
  const problems = { name: "is required" };
  w.socket.say({ type: "error", id: 2, code: "invalid", message: "mend it", data: problems }, { type: "result", id: 1, data: [1, 2] });
  w.socket.say({ type: "result", id: 1, data: "twice" }, { type: "result", id: 77 });
  assert.deepEqual(await early, [1, 2]);
  assert.deepEqual(await late, { code: "invalid", message: "mend it", data: problems, name: "CallError" });
  hub.close();
});

test("a call ends without an answer", async () => {
  const w = newWorld();
  const hub = connect("http://h/without", only);
  const slow = outcome(hub.call("slow", null, { timeout: 500 }));
  await w.pass(500);
  assert.equal((await slow).code, "timeout");
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "ping" }]); // what timed out is not sent

  const sent = outcome(hub.call("sent"));
  w.socket.end();
  assert.equal((await sent).code, "disconnected");
  const unsent = outcome(hub.call("unsent"));
  await w.pass(500);
  w.socket.accept();
  assert.deepEqual(w.socket.said.at(-1), { type: "call", id: 3, method: "unsent" });
  w.socket.end();
  assert.equal((await unsent).code, "disconnected");
  const never = outcome(hub.call("never"));
  hub.close();
  assert.equal((await never).code, "closed");
  assert.equal((await outcome(hub.call("after"))).code, "closed");
  assert.equal(w.timers(), 0);
});

test("without a socket a call is a request", async () => {
  const w = newWorld();
  const hub = connect("http://h/posts?x=1", { transports: ["poll"] });
  await w.pass(0);
  await w.request.answer([{ type: "session", id: "s" }]);
  assert.equal(hub.state, "open");
  const polls = w.requests.length;
  const ok = hub.call("ok", 5), bad = outcome(hub.call("bad")), shut = outcome(hub.call("shut")), cut = outcome(hub.call("cut"));
  const [a, b, c, d] = w.requests.slice(polls);
  assert.equal(a.url.href, "http://h/posts?x=1&transport=call");
  assert.equal(a.method, "POST");
  assert.equal(a.headers["Content-Type"], "application/json");
  assert.deepEqual(a.body, { type: "call", id: 1, method: "ok", data: 5 });
  await b.answer({ type: "error", id: 2, code: "forbidden", message: "no" });
  await a.answer({ type: "result", id: 1, data: 6 });
  await c.answer({}, 401);
  d.fail();
  await settle();
  assert.equal(await ok, 6);
  assert.deepEqual([(await bad).code, (await shut).code, (await cut).code], ["forbidden", "forbidden", "disconnected"]);
  hub.close();
});
