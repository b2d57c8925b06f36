import { json, overHTTP, refusal } from "./http.js";
import type { Host, Link } from "./link.js";

/**
 * Asks again and again; the server answers when there is something. An answer
 * that was lost, or not waited for, may have held messages: the next poll then
 * names no session, and goes on where the subscriptions stand.
 */
export function openPoll(host: Host): Link {
  return overHTTP(host, async (signal, silence) => {
    let session: string | undefined;
    for (;;) {
      const body = JSON.stringify({ session, sub: host.requests() });
      const r = await host.fetch(host.url({ transport: "poll" }), { method: "POST", headers: json, body, signal });
      if (!r.ok) {
        host.down(refusal(r.status));
        return;
      }
      const messages = await r.json();
      if (signal.aborted) return;
      silence.heard();
      host.up();
      for (const m of messages) {
        if (m.type === "session") session = m.id;
        host.take(m);
        if (signal.aborted) return;
      }
    }
  });
}
