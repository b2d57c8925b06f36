import type { Host, Link } from "./link.js";
import { watch } from "./link.js";
import type { Call, Incoming, Subscribe } from "./messages.js";

/** Opens a WebSocket; with a token it is up when the server has accepted it. */
export function openSocket(host: Host, token?: string): Link {
  const socket = new host.WebSocket(host.url().replace(/^http/, "ws"), ["gale.hub.v1"]);
  const send = (m: Call | Subscribe | { type: string; token?: string; topic?: string }) => {
    if (socket.readyState === 1) socket.send(JSON.stringify(m));
  };
  const silence = watch(host, () => host.down(), () => send({ type: "ping" }));

  const begin = () => {
    const requests = host.requests();
    requests.forEach(send);
    // Any answer tells a server from a proxy that lets nothing through.
    if (!requests.length) send({ type: "ping" });
    host.up();
  };
  socket.onopen = () => {
    silence.heard();
    if (token !== undefined) {
      send({ type: "auth", token });
      return;
    }
    begin();
  };
  socket.onmessage = e => {
    silence.heard();
    let m: Incoming;
    try {
      m = JSON.parse(e.data);
    } catch {
      host.down();
      return;
    }
    host.take(m);
    if (m.type === "welcome" && token !== undefined) {
      token = undefined;
      begin();
    }
  };
  socket.onclose = e => host.down(e.code === 1008 ? { final: e.reason } : undefined);

  return {
    inBand: true,
    join: send,
    leave: topic => send({ type: "unsubscribe", topic }),
    call: send,
    check: silence.check,
    close() {
      silence.stop();
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}
