import assert from "node:assert/strict";
import test from "node:test";
import { follow, messages, newWorld, settle, states, subscribed } from "./fakes.mjs";
import { connect } from "./hub.mjs";

const only = { transports: ["ws"] };

test("subscribes, delivers, leaves", () => {
  const w = newWorld();
  const hub = connect("http://h/subscribes", only);
  assert.equal(hub.state, "connecting");
  const state = states(hub);
  const t = follow(hub, "t", { recent: 3 });
  assert.equal(w.socket.url, "ws://h/subscribes");
  assert.deepEqual(w.socket.protocols, ["gale.hub.v1"]);
  w.socket.accept();
  assert.deepEqual(state.told, ["open"]);
  assert.equal(hub.transport, "ws");
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "t", recent: 3 }]);
  w.socket.say(subscribed("t", "e", 4), messages("t", "e", [[5, "a"], [9, "b"]]));
  assert.deepEqual(t.told, ["5 a", "9 b"]);
  assert.deepEqual(t.sub.position, { epoch: "e", offset: 9 });
  assert.throws(() => hub.subscribe("t", () => {}), /already subscribed/);

  const u = follow(hub, "u", { from: { epoch: "e", offset: 7 } });
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "u", epoch: "e", offset: 7 }]);
  t.sub.close();
  t.sub.close();
  assert.deepEqual(w.socket.said, [{ type: "unsubscribe", topic: "t" }]);
  w.socket.say(messages("t", "e", [[10, "c"]]), subscribed("u", "e", 7, true), messages("u", "e", [[8, "x"]]));
  assert.deepEqual([t.told, u.told], [[], ["8 x"]]);

  hub.close();
  assert.deepEqual(state.told, ["closed"]);
  w.socket.say(messages("u", "e", [[9, "y"]]));
  assert.deepEqual(u.told, []);
  assert.equal(w.timers(), 0);
  assert.equal(follow(hub, "v").sub.topic, "v");
  assert.equal(w.sockets.length, 1);
});

test("resumes without a duplicate", async () => {
  const w = newWorld();
  const hub = connect("http://h/resumes", only);
  const t = follow(hub, "t", { recent: 3 });
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0), messages("t", "e", [[1, "a"], [2, "b"]]));
  w.socket.end();
  await w.pass(500);
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "t", epoch: "e", offset: 2 }]);
  w.socket.say(subscribed("t", "e", 1, true), messages("t", "e", [[2, "b"], [3, "c"]]), messages("t", "e", [[3, "c"], [4, "d"]]));
  assert.deepEqual(t.told, ["1 a", "2 b", "3 c", "4 d"]);
  hub.close();
});

test("tells of what is lost", async () => {
  const w = newWorld();
  const hub = connect("http://h/lost", only);
  const t = follow(hub, "t"), plain = follow(hub, "plain");
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0), subscribed("plain", "", 0));
  w.socket.say(messages("t", "e", [[4, "a"]], 3), messages("t", "f", [[1, "b"]]), messages("plain", "", [[0, "p"], [0, "p"]]));
  assert.deepEqual(t.told, ["lost 3", "4 a", "lost 0", "1 b"]);
  assert.deepEqual(plain.told, ["0 p", "0 p"]);
  assert.equal(plain.sub.position, undefined);

  w.socket.end();
  await w.pass(500);
  w.socket.accept();
  assert.deepEqual(w.socket.sent[1], { type: "subscribe", topic: "plain" });
  // The stream began anew, or its epoch says so wrongly: its numbers are small again.
  w.socket.say(subscribed("t", "f", 0, false), subscribed("plain", "", 0), messages("t", "f", [[1, "c"]]));
  assert.deepEqual([t.told, plain.told], [["lost 0", "1 c"], ["lost 0"]]);

  const forged = follow(hub, "forged", { from: { epoch: "x", offset: 99 } });
  w.socket.say(subscribed("forged", "e", 3, false), messages("forged", "e", [[4, "d"]]));
  assert.deepEqual(forged.told, ["lost 0", "4 d"]);
  hub.close();
});

test("tells subscriptions to one topic apart", () => {
  const w = newWorld();
  const hub = connect("http://h/apart", only);
  const first = follow(hub, "t");
  w.socket.accept();
  first.sub.close();
  const second = follow(hub, "t");
  w.socket.say(subscribed("t", "e", 0), messages("t", "e", [[1, "old"]]), { type: "unsubscribed", topic: "t" });
  w.socket.say(subscribed("t", "e", 1), messages("t", "e", [[2, "new"]]));
  assert.deepEqual([first.told, second.told], [[], ["2 new"]]);

  // Refused, and left before the refusal came.
  second.sub.close();
  w.socket.say({ type: "unsubscribed", topic: "t" });
  const third = follow(hub, "t");
  third.sub.close();
  const fourth = follow(hub, "t");
  w.socket.say({ type: "error", topic: "t", code: "forbidden" }, { type: "error", topic: "t", code: "not_subscribed" });
  w.socket.say(subscribed("t", "e", 2), messages("t", "e", [[3, "x"]]));
  assert.deepEqual([third.told, fourth.told], [[], ["3 x"]]);
  hub.close();
});

test("a subscription is refused, retried, ended", async () => {
  const w = newWorld();
  const hub = connect("http://h/refused", only);
  const secret = follow(hub, "secret"), later = follow(hub, "later"), revoked = follow(hub, "revoked");
  w.socket.accept();
  assert.equal(w.socket.said.length, 3);
  w.socket.say({ type: "error", topic: "secret", code: "forbidden", message: "no" }, { type: "error", topic: "later", code: "unavailable" });
  w.socket.say(subscribed("revoked", "e", 0), { type: "unsubscribed", topic: "revoked", code: "revoked" });
  assert.deepEqual([secret.told, later.told, revoked.told], [["failed forbidden"], [], ["ended revoked"]]);
  await w.pass(500 * 5.5);
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "later" }]);
  w.socket.say(subscribed("later", "e", 0));
  assert.deepEqual(later.told, []);
  follow(hub, "secret");
  assert.equal(w.socket.said.length, 1);
  hub.close();
});

test("pauses are random, double, and begin anew when a connection lasts", async () => {
  const w = newWorld();
  const hub = connect("http://h/pauses", only);
  const pauses = [];
  for (let i = 0; i < 9; i++) {
    w.random = [0.5, 0.999, 0][i % 3];
    w.socket.end();
    pauses.push(Math.round(w.due()));
    await w.pass(w.due());
  }
  assert.deepEqual(pauses, [250, 999, 0, 2000, 7992, 0, 15000, 29970, 0]);
  assert.equal(w.sockets.length, 10);
  w.random = 0.5;
  w.socket.accept();
  w.socket.say({ type: "pong" });
  w.socket.end(1013);
  assert.equal(w.due(), 15000);
  await w.pass(15000);
  w.socket.accept();
  w.socket.say({ type: "pong" });
  await w.pass(5000);
  w.socket.end();
  assert.equal(w.due(), 250);
  hub.close();
  assert.equal(w.timers(), 0);
});

test("comes again when the server said", async () => {
  const w = newWorld();
  const hub = connect("http://h/hint", only);
  const state = states(hub);
  const t = follow(hub, "t");
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0), { type: "reconnect", after: 1234 }, messages("t", "e", [[1, "last words"]]));
  assert.equal(hub.state, "open");
  await w.pass(100);
  w.socket.end(1012);
  await w.happen("online"); // everyone would come at once
  await w.pass(1133);
  assert.equal(w.sockets.length, 1);
  await w.pass(1);
  assert.equal(w.sockets.length, 2);
  assert.deepEqual(state.told, ["open", "waiting", "connecting"]);
  assert.deepEqual(t.told, ["1 last words"]);
  w.socket.end();
  assert.equal(w.due(), 250); // as for a first failure
  await w.pass(250);

  // A server that does not go is left.
  const old = w.socket;
  old.accept();
  old.say({ type: "reconnect", after: 50 });
  await w.pass(50);
  assert.equal(old.readyState, 3);
  assert.equal(w.sockets.length, 4);
  hub.close();
});

test("asks after a silence, and gives up", async () => {
  const w = newWorld();
  const hub = connect("http://h/silence", only);
  await w.pass(8000); // does not open
  assert.equal(hub.state, "waiting");
  await w.pass(250);
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "ping" }]);
  w.socket.say({ type: "pong" });
  await w.pass(29000);
  w.socket.say({ type: "pong" });
  await w.pass(29999);
  assert.deepEqual(w.socket.said, []);
  await w.pass(1);
  assert.deepEqual(w.socket.said, [{ type: "ping" }]);
  w.socket.say({ type: "pong" });
  await w.pass(30000);
  assert.deepEqual(w.socket.said, [{ type: "ping" }]);
  await w.pass(9999);
  assert.equal(hub.state, "open");
  await w.pass(1);
  assert.equal(hub.state, "waiting");
  hub.close();
});

test("sends a token first, a new one each time", async () => {
  const w = newWorld();
  let n = 0;
  const hub = connect("http://h/auth", { ...only, auth: async () => (n === 1 ? Promise.reject(new Error("offline")) : `token ${n}`) });
  const state = states(hub);
  follow(hub, "t");
  assert.equal(w.sockets.length, 0);
  await settle();
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "auth", token: "token 0" }]);
  assert.equal(hub.state, "connecting");
  w.socket.say({ type: "welcome" });
  assert.equal(hub.state, "open");
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "t" }]);
  n = 1;
  w.socket.end();
  const complaints = [];
  console.error = err => complaints.push(err.message);
  await w.pass(500);
  assert.deepEqual(complaints, ["offline"]);
  n = 2;
  await w.pass(1000);
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "auth", token: "token 2" }]);
  w.socket.say({ type: "error", code: "unauthenticated", message: "who are you" });
  w.socket.end(1008);
  assert.deepEqual(state.told.slice(-2), ["connecting", "closed: who are you"]);
  await w.pass(60000);
  assert.equal(w.sockets.length, 2);
});

test("stays away when its access was withdrawn", async () => {
  const w = newWorld();
  const hub = connect("http://h/withdrawn", only);
  const state = states(hub);
  w.socket.accept();
  w.socket.end(1008, "access was withdrawn");
  assert.deepEqual(state.told, ["open", "closed: access was withdrawn"]);
  assert.equal(w.timers(), 0);
});

test("survives what an application throws, and what is no message", async () => {
  const w = newWorld();
  const complaints = [];
  console.error = err => complaints.push(err.message || err);
  const hub = connect("http://h/throws", only);
  const boom = what => () => {
    throw new Error(what);
  };
  hub.onstate = boom("state");
  const told = [];
  hub.subscribe("t", data => (told.push(data), boom("message")()), { lost: boom("lost"), presence: boom("presence") });
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0), { type: "presence", topic: "t", members: [], users: 0, connections: 0 });
  w.socket.say(messages("t", "e", [[1, "a"], [2, "b"]], 1), { type: "error", code: "bad_message", message: "what?" }, { type: "tomorrow's" });
  assert.deepEqual(told, ["a", "b"]);
  assert.deepEqual(complaints, ["state", "presence", "lost", "message", "message", "hub: bad_message: what?"]);
  w.socket.say("<html>");
  assert.equal(hub.state, "waiting");
  hub.onstate = null;
  hub.close();
});

test("an application may leave in the midst of a message", () => {
  const w = newWorld();
  const hub = connect("http://h/midst", only);
  const told = [];
  const sub = hub.subscribe("t", data => (told.push(data), sub.close()));
  hub.subscribe("u", data => (told.push(data), hub.close()));
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0), subscribed("u", "e", 0), messages("t", "e", [[1, "a"], [2, "b"]]), messages("u", "e", [[1, "c"], [2, "d"]]));
  assert.deepEqual(told, ["a", "c"]);
});

test("keeps who is there", () => {
  const w = newWorld();
  const hub = connect("http://h/presence", only);
  const told = [];
  const note = p => told.push(`${p.members.map(m => m.conn).join()} ${p.users} ${p.connections} ${p.partial}`);
  follow(hub, "t", { presence: note });
  follow(hub, "other");
  w.socket.accept();
  assert.deepEqual(w.socket.said[0], { type: "subscribe", topic: "t", presence: true });
  const member = (user, conn) => ({ user, conn, since: 1 });
  const say = m => w.socket.say({ topic: "t", ...m });
  say({ type: "presence", members: [member("u", "a")], users: 1, connections: 1 });
  say({ type: "joined", member: member("u", "b"), users: 1, connections: 2 });
  say({ type: "joined", member: member("u", "b"), users: 1, connections: 2 });
  say({ type: "left", member: member("u", "a"), users: 1, connections: 1 });
  say({ type: "presence", users: 90, connections: 101, partial: true });
  say({ type: "presence", members: [member("v", "c")], users: 1, connections: 1 });
  say({ type: "presence", users: 0, connections: 0 });
  w.socket.say({ type: "joined", topic: "other", member: member("u", "x"), users: 1, connections: 1 });
  assert.deepEqual(told, ["a 1 1 false", "a,b 1 2 false", "a,b 1 2 false", "b 1 1 false", "b 90 101 true", "c 1 1 false", " 0 0 false"]);
  hub.close();
});

test("follows the page", async () => {
  const w = newWorld();
  const hub = connect("http://h/page", only);
  const state = states(hub);
  const t = follow(hub, "t");
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0));
  w.socket.end();
  await w.happen("online");
  assert.equal(w.sockets.length, 2);
  w.socket.accept();
  w.socket.say(subscribed("t", "e", 0, true), messages("t", "e", [[1, "a"]]));

  await w.happen("pagehide");
  assert.equal(w.socket.readyState, 3);
  await w.happen("online");
  await w.pass(60000);
  assert.equal(w.sockets.length, 2);
  await w.happen("pageshow");
  w.socket.accept();
  assert.deepEqual(w.socket.said, [{ type: "subscribe", topic: "t", epoch: "e", offset: 1 }]);
  w.socket.say(subscribed("t", "e", 1, true));
  assert.deepEqual(t.told, ["1 a"]);
  assert.deepEqual(state.told, ["open", "waiting", "connecting", "open", "waiting", "connecting", "open"]);

  // A tab that is looked at again asks whether the connection still stands …
  document.hidden = true;
  await w.happen("visibilitychange");
  assert.deepEqual(w.socket.said, []);
  document.hidden = false;
  await w.happen("visibilitychange");
  assert.deepEqual(w.socket.said, [{ type: "ping" }]);
  w.socket.say({ type: "pong" });
  // … and after a sleep does not need to ask.
  w.sleep(3600_000);
  await w.happen("visibilitychange");
  assert.equal(hub.state, "waiting");
  await w.happen("visibilitychange");
  assert.equal(hub.state, "connecting");
  hub.close();
  await w.happen("pageshow");
  await w.happen("online");
  assert.equal(w.sockets.length, 4);
});
