import { newCalls } from "./calls.js";
import type { Hub, Options, State, SubscribeOptions, Subscription, Transport } from "./hub.js";
import type { Down, Host, Link } from "./link.js";
import type { Incoming } from "./messages.js";
import { openPoll } from "./poll.js";
import { safely } from "./safely.js";
import { openStream } from "./sse.js";
import { newSub, type Sub } from "./subscription.js";
import { openSocket } from "./websocket.js";

// What has worked with an endpoint in this page.
const worked = new Map<string, Transport>();

export function connect(url: string, options: Options = {}): Hub {
  const { wait = 500, maxWait = 30000, quiet = 30000, patience = 8000, auth } = options;
  const Socket = options.WebSocket || globalThis.WebSocket;
  const ask = options.fetch || globalThis.fetch.bind(globalThis);
  const endpoint = new URL(url, typeof location === "undefined" ? undefined : location.href).href;
  const names = (options.transports || ["ws", "sse", "poll"]).filter(name => name !== "ws" || Socket);
  const subs = new Map<string, Sub>();
  const leaving = new Map<string, number>(); // by topic, answers to unsubscribe that are to come
  const calls = newCalls(() => {
    if (open) calls.flush(link!.call);
  });

  let state: State = "connecting";
  let link: Link | undefined;
  let attempt = 0; // the link that counts, or the one that will
  let open = false; // the link is up
  let heard = false; // the server itself has spoken on it
  let turn = Math.max(0, names.indexOf(worked.get(endpoint)!));
  let misses = 0; // links in a row on which nothing was heard
  let tries = 0; // links in a row that did not last
  let hinted = false; // the server said when to come again
  let away = false; // the page is kept for going back to it
  let retry: ReturnType<typeof setTimeout> | undefined;
  let lasting: ReturnType<typeof setTimeout> | undefined;

  const hub: Hub = {
    get state() {
      return state;
    },
    get transport() {
      return names[turn]!;
    },
    onstate: null,
    subscribe,
    call(method, data, o) {
      const answer = calls.call<any>(method, data, o?.timeout);
      if (state === "closed") calls.fail("closed", "the connection is closed", true);
      return answer;
    },
    close: () => end(),
  };

  function subscribe(topic: string, message: (data: any, offset: number) => void, o: SubscribeOptions = {}): Subscription {
    if (subs.has(topic)) throw new Error("hub: already subscribed to " + topic);
    const sub = newSub(topic, message, o, () => {
      if (!forget(sub) || !open) return;
      if (link!.inBand) leaving.set(topic, (leaving.get(topic) || 0) + 1);
      link!.leave(topic);
    });
    if (state === "closed") {
      sub.over = true;
      return sub;
    }
    subs.set(topic, sub);
    if (open) link!.join(sub.request());
    return sub;
  }

  function forget(sub: Sub): boolean {
    sub.over = true;
    clearTimeout(sub.retry);
    return subs.get(sub.topic) === sub && subs.delete(sub.topic);
  }

  function become(s: State, reason?: string) {
    if (state === s) return;
    state = s;
    safely(hub.onstate, s, reason);
  }

  // --- the link ---

  function go() {
    clearTimeout(retry);
    hinted = false;
    cut();
    become("connecting");
    const mine = attempt, name = names[turn];
    const host: Host = {
      quiet,
      patience,
      WebSocket: Socket,
      fetch: ask,
      headers: {},
      url(query) {
        const u = new URL(endpoint);
        for (const key in query) u.searchParams.set(key, query[key]!);
        return u.href;
      },
      requests: () => [...subs.values()].map(sub => sub.request()),
      up() {
        if (mine !== attempt || open) return;
        open = true;
        if (name !== "ws") proved();
        become("open");
        if (open) calls.flush(link!.call);
      },
      take(m) {
        if (!calls.take(m) && mine === attempt) take(m);
      },
      down(why) {
        if (mine === attempt) down(why);
      },
    };
    const begin = (token?: string) => {
      if (mine !== attempt) return;
      if (token !== undefined) host.headers.Authorization = "Bearer " + token;
      try {
        link = name === "ws" ? openSocket(host, token) : name === "sse" ? openStream(host) : openPoll(host);
      } catch {
        down(); // the page's policy does not allow it
      }
    };
    if (!auth) {
      begin();
      return;
    }
    Promise.resolve().then(auth).then(begin, err => {
      console.error(err);
      if (mine !== attempt) return;
      heard = true; // no fault of the transport
      down();
    });
  }

  // The server, and not a proxy, is at the other end.
  function proved() {
    if (heard) return;
    heard = true;
    misses = 0;
    worked.set(endpoint, names[turn]!);
    lasting = setTimeout(() => {
      tries = 0;
    }, 10 * wait);
  }

  function cut() {
    const old = link;
    attempt++;
    link = undefined;
    open = heard = false;
    clearTimeout(lasting);
    leaving.clear();
    for (const sub of subs.values()) clearTimeout(sub.retry);
    old?.close();
    if (old?.inBand) calls.fail("disconnected", "the connection was lost before the answer came");
  }

  function down(why: Down = {}) {
    const silent = !heard, expired = why.renew && auth && open;
    cut();
    if (why.final !== undefined && !expired) {
      end(why.final);
      return;
    }
    if (silent) misses++;
    const limit = worked.get(endpoint) === names[turn] ? 5 : turn ? 1 : 2;
    if (why.other || misses >= limit) {
      turn = (turn + 1) % names.length;
      misses = 0;
    }
    // All of the pause is random: a restart must not bring everyone back at
    // the same instant. A server that said when has done that already.
    if (!hinted) retry = setTimeout(go, Math.random() * Math.min(maxWait, wait * 2 ** tries++));
    become("waiting");
  }

  function end(reason?: string) {
    if (state === "closed") return;
    clearTimeout(retry);
    cut();
    for (const sub of subs.values()) sub.over = true;
    subs.clear();
    for (const type in events) globalThis.removeEventListener?.(type, events[type]!);
    calls.fail("closed", "the connection is closed", true);
    become("closed", reason);
  }

  // --- messages ---

  function take(m: Incoming) {
    proved();
    if (m.type === "reconnect") {
      hinted = true;
      retry = setTimeout(go, m.after);
      return;
    }
    const left = leaving.get(m.topic);
    if (left) {
      // All before this answer is for a subscription that is over.
      if (m.type === "unsubscribed" || m.code === "not_subscribed") leaving.set(m.topic, left - 1);
      return;
    }
    const sub = subs.get(m.topic);
    if (m.type === "error" && !m.topic) {
      if (m.code === "unauthenticated") end(m.message);
      else console.error("hub: " + m.code + ": " + m.message);
    } else if (!sub) {
      return;
    } else if (m.type === "unsubscribed") {
      forget(sub);
      safely(sub.options.ended, m.code || "");
    } else if (m.type !== "error") {
      sub.take(m);
    } else if (m.code === "unavailable") {
      clearTimeout(sub.retry);
      sub.retry = setTimeout(() => link?.join(sub.request()), wait * (1 + 9 * Math.random()));
    } else if (!/^(already|not)_/.test(m.code)) {
      forget(sub);
      safely(sub.options.failed, m.code, m.message);
    }
  }

  // --- the page ---

  // Time passes while a device sleeps; it may have lost its connection.
  function hurry() {
    if (state === "waiting" && !hinted && !away) go();
    else if (open) link!.check();
  }

  const events: Record<string, () => void> = {
    online: hurry,
    visibilitychange() {
      if (!document.hidden) hurry();
    },
    // A page with connections may not be kept for going back to it.
    pagehide() {
      away = true;
      clearTimeout(retry);
      cut();
      become("waiting");
    },
    pageshow() {
      if (!away) return;
      away = false;
      go();
    },
  };
  for (const type in events) globalThis.addEventListener?.(type, events[type]!);

  go();
  return hub;
}
