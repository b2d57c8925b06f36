import { overHTTP, refusal } from "./http.js";
import type { Host, Link } from "./link.js";

// Proxies commonly take 8 KiB for the line of the request, of which this is a part.
const maxURL = 7000;

/**
 * Opens a stream of server-sent events. It is read by fetch, since an
 * EventSource hides the status and the heartbeats, and resumes in its own way.
 * A stream cannot change its subscriptions: another one takes its place.
 */
export function openStream(host: Host): Link {
  let current: AbortController;

  async function read(heard: () => void, signal: AbortSignal) {
    const url = host.url({ transport: "sse", sub: JSON.stringify(host.requests()) });
    if (url.length > maxURL) {
      host.down({ other: true });
      return;
    }
    const r = await host.fetch(url, { headers: { Accept: "text/event-stream", ...host.headers }, cache: "no-store", signal });
    const stream = /^text\/event-stream/.test(r.headers.get("Content-Type") || "");
    if (!r.ok || !stream || !r.body) {
      host.down({ ...refusal(r.status), other: r.ok });
      return;
    }
    const reader = r.body.getReader();
    const decoder = new TextDecoder();
    let text = "", data = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) break;
      heard();
      host.up(); // a proxy that holds events back may let the head through
      const lines = (text + decoder.decode(value, { stream: true })).split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith("data:")) data += line.slice(5);
        if (line.trim() || !data) continue;
        const m = JSON.parse(data);
        data = "";
        host.take(m);
        if (signal.aborted) return;
      }
    }
    host.down();
  }

  return overHTTP(host, {
    async run(signal, heard) {
      signal.addEventListener("abort", () => current.abort());
      do {
        current = new AbortController();
        await read(heard, current.signal).catch(err => {
          if (!current.signal.aborted) throw err;
        });
      } while (current.signal.aborted && !signal.aborted);
    },
    change: () => current.abort(),
  });
}
