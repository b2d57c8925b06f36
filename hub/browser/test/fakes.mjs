// Stands in for the browser: a clock that the test turns, a WebSocket and a
// fetch whose other end is the test. The client reads the globals anew each
// time, so that one world a test is enough.
const realImmediate = setImmediate;

/** Lets whatever is ready run: promises, streams. */
export async function settle() {
  for (let i = 0; i < 10; i++) await new Promise(done => realImmediate(done));
}

export function newWorld() {
  let now = 1e12, last = 0;
  const timers = new Map();
  const world = {
    sockets: [], // all that were opened
    requests: [], // all that were fetched
    random: 0.5,
    /** Lets time pass, timers running one after another as it comes. */
    async pass(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const [id, next] = [...timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0] || [];
        if (!next) break;
        now = Math.max(now, next.at);
        timers.delete(id);
        next.f();
        await settle();
      }
      now = end;
    },
    /** When the timer that runs next is due, in milliseconds from now. */
    due: () => Math.min(...[...timers.values()].map(t => t.at)) - now,
    timers: () => timers.size,
    /** The device sleeps: the time is another one, and no timer has run. */
    sleep(ms) {
      now += ms;
      for (const t of timers.values()) t.at += ms;
    },
    get socket() {
      return world.sockets.at(-1);
    },
    get request() {
      return world.requests.at(-1);
    },
  };
  globalThis.setTimeout = (f, ms = 0) => {
    timers.set(++last, { f, at: now + ms });
    return last;
  };
  globalThis.clearTimeout = id => timers.delete(id);
  Date.now = () => now;
  Math.random = () => world.random;

  world.events = new EventTarget();
  globalThis.addEventListener = (...args) => world.events.addEventListener(...args);
  globalThis.removeEventListener = (...args) => world.events.removeEventListener(...args);
  globalThis.document = { hidden: false };
  world.happen = async name => {
    world.events.dispatchEvent(new Event(name));
    await settle();
  };

  globalThis.WebSocket = class {
    constructor(url, protocols) {
      if (world.forbidden) throw new Error("the page's policy");
      Object.assign(this, { url, protocols, readyState: 0, sent: [] });
      world.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 3;
    }
    /** What was sent since the last look. */
    get said() {
      return this.sent.splice(0);
    }
    accept() {
      this.readyState = 1;
      this.onopen?.({});
    }
    say(...messages) {
      for (const m of messages) this.onmessage?.({ data: typeof m === "string" ? m : JSON.stringify(m) });
    }
    end(code = 1006, reason = "") {
      this.readyState = 3;
      this.onclose?.({ code, reason });
    }
  };

  globalThis.fetch = (url, init = {}) =>
    new Promise((resolve, reject) => {
      const r = { url: new URL(url), ...init, aborted: false };
      if (init.body) r.body = JSON.parse(init.body);
      r.sub = r.url.searchParams.has("sub") ? JSON.parse(r.url.searchParams.get("sub")) : r.body?.sub;
      const abort = () => new DOMException("aborted", "AbortError");
      init.signal?.addEventListener("abort", () => {
        r.aborted = true;
        reject(abort());
      });
      r.fail = () => reject(new TypeError("network"));
      r.answer = async (value, status = 200) => {
        resolve(new Response(JSON.stringify(value), { status }));
        await settle();
      };
      r.stream = async (type = "text/event-stream; charset=utf-8") => {
        let out;
        const body = new ReadableStream({ start: controller => void (out = controller) });
        init.signal?.addEventListener("abort", () => out.error(abort()));
        resolve(new Response(body, { headers: { "Content-Type": type } }));
        r.raw = async text => {
          out.enqueue(new TextEncoder().encode(text));
          await settle();
        };
        r.say = async (...messages) => {
          for (const m of messages) await r.raw(`data: ${JSON.stringify(m)}\n\n`);
        };
        r.end = async () => {
          out.close();
          await settle();
        };
        await settle();
      };
      world.requests.push(r);
    });
  return world;
}

/** A topic's messages. */
export const subscribed = (topic, epoch, offset, recovered) => ({ type: "subscribed", topic, epoch, offset, recovered });
export const messages = (topic, epoch, items, missed) => ({
  type: "messages", topic, epoch, missed, items: items.map(([offset, data]) => ({ offset, data })),
});

/** Subscribes, and notes what the application is told. */
export function follow(hub, topic, options = {}) {
  const told = [];
  const sub = hub.subscribe(topic, (data, offset) => told.push(`${offset} ${data}`), {
    lost: n => told.push(`lost ${n}`),
    failed: code => told.push(`failed ${code}`),
    ended: code => told.push(`ended ${code}`),
    ...options,
  });
  return { sub, get told() { return told.splice(0); } };
}

export function states(hub) {
  const told = [];
  hub.onstate = (state, reason) => told.push(reason === undefined ? state : `${state}: ${reason}`);
  return { get told() { return told.splice(0); } };
}
