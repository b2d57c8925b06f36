import { overHTTP, post, refusal } from "./http.js";
import type { Host, Link } from "./link.js";
import type { Incoming } from "./messages.js";

/**
 * Asks again and again; the server answers when there is something, or when
 * the same session asks once more. What it has answered is awaited in any
 * case, since it keeps that no longer.
 */
export function openPoll(host: Host): Link {
  let session: string | undefined;
  let next: Promise<Incoming[] | undefined> | undefined; // the poll behind the one that is awaited
  let changed = false; // since next was sent
  let poll: () => typeof next;

  // Without a session the first answer is soon there.
  const change = () => {
    if (next || !session) {
      changed = true;
      return;
    }
    next = poll();
    next!.catch(() => {}); // told when it is awaited, or of no interest
  };

  return overHTTP(host, {
    async run(signal, heard) {
      poll = async () => {
        const r = await host.fetch(host.url({ transport: "poll" }), post(host, { session, sub: host.requests() }, signal));
        if (r.ok) return r.json();
        if (!signal.aborted) host.down(refusal(r.status));
        return undefined;
      };
      let messages = await poll();
      while (messages && !signal.aborted) {
        heard();
        host.up();
        for (const m of messages) {
          if (m.type === "session") session = m.id as string;
          host.take(m);
          if (signal.aborted) return;
        }
        // A server that is about to go has said when to come again.
        if (messages.some(m => m.type === "reconnect")) {
          host.down();
          return;
        }
        const answer: typeof next = next || poll();
        next = undefined;
        if (changed) {
          changed = false;
          change();
        }
        messages = await answer;
      }
    },
    change,
  });
}
