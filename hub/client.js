// The browser's client of gale's hub (docs/hub-protocol.md).
//
//   const hub = connect("/live");
//   hub.onstate = state => …       // "connecting", "open", "waiting", "closed"
//   const sub = hub.subscribe("packets/7", (data, offset) => …, {
//     from: {epoch, offset},       // go on behind this position
//     recent: 50,                  // or begin with the latest kept
//     lost: n => …,                // n are missing; 0: unknown, load afresh
//     failed: (code, text) => …,   // "forbidden" …
//   });
//   sub.close(); hub.close();
export function connect(url, options = {}) {
  const Socket = options.WebSocket || WebSocket;
  const minWait = options.wait || 500, quiet = options.quiet || 30000;
  const subs = new Map();
  let socket = null, tries = 0, retry = 0, alive = 0, closed = false;

  const hub = {
    state: "connecting",
    onstate: null,
    subscribe(topic, message, o = {}) {
      if (subs.has(topic)) throw new Error("hub: already subscribed to " + topic);
      const sub = {
        topic, message, at: o.from, recent: o.recent, lost: o.lost, failed: o.failed,
        close() {
          clearTimeout(sub.retry);
          if (subs.get(topic) !== sub) return;
          subs.delete(topic);
          send({ type: "unsubscribe", topic });
        },
      };
      subs.set(topic, sub);
      join(sub);
      return sub;
    },
    close() {
      closed = true;
      clearTimeout(retry);
      for (const sub of subs.values()) clearTimeout(sub.retry);
      drop();
      state("closed");
    },
  };

  function state(s) {
    if (hub.state === s) return;
    hub.state = s;
    if (hub.onstate) hub.onstate(s);
  }

  function send(m) {
    if (socket && socket.readyState === 1) socket.send(JSON.stringify(m));
  }

  function join(sub) {
    sub.live = false; // what still comes is for an earlier subscription
    const m = { type: "subscribe", topic: sub.topic };
    send(Object.assign(m, sub.at || { recent: sub.recent }));
  }

  // A network that went away says nothing: after a silence ask, then give up.
  function heard() {
    clearTimeout(alive);
    alive = setTimeout(() => {
      send({ type: "ping" });
      alive = setTimeout(drop, quiet / 3);
    }, quiet);
  }

  function drop() {
    const old = socket;
    if (!old) return;
    socket = null;
    clearTimeout(alive);
    old.onmessage = old.onclose = old.onopen = null;
    old.close();
    if (closed) return;
    // Jitter: a restart must not bring everyone back at the same instant.
    retry = setTimeout(open, minWait + Math.random() * Math.min(30000, minWait * 2 ** tries++));
    state("waiting");
  }

  function open() {
    state("connecting");
    const base = typeof location === "undefined" ? undefined : location.href;
    socket = new Socket(new URL(url, base).href.replace(/^http/, "ws"), ["gale.hub.v1"]);
    socket.onopen = () => {
      state("open");
      heard();
      subs.forEach(join);
    };
    socket.onclose = drop;
    socket.onmessage = e => {
      heard();
      take(JSON.parse(e.data));
    };
  }

  function take(m) {
    const sub = subs.get(m.topic);
    if (m.type === "subscribed" || m.type === "pong") tries = 0;
    if (!sub) return;
    if (m.type === "subscribed") {
      sub.live = true;
      sub.at = { epoch: m.epoch, offset: m.offset };
      if (m.recovered === false && sub.lost) sub.lost(0);
    } else if (m.type === "messages" && sub.live) {
      if (m.epoch !== sub.at.epoch) {
        if (sub.lost) sub.lost(0);
      } else if (m.missed && sub.lost) sub.lost(m.missed);
      for (const item of m.items) {
        sub.at = { epoch: m.epoch, offset: item.offset };
        sub.message(item.data, item.offset);
      }
    } else if (m.type === "error" && m.code === "unavailable") {
      sub.retry = setTimeout(join, minWait * (1 + 9 * Math.random()), sub);
    } else if (m.type === "error" && !/^(already|not)_/.test(m.code)) {
      subs.delete(m.topic);
      if (sub.failed) sub.failed(m.code, m.message);
    }
  }

  open();
  return hub;
}
