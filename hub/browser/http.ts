import type { Down, Host, Link } from "./link.js";
import { watch } from "./link.js";
import type { Call, Incoming } from "./messages.js";

/** What the status of an answer means for a link. */
export function refusal(status: number): Down {
  return status === 401 || status === 403 ? { final: "status " + status, renew: status === 401 } : {};
}

/** How to post a message. */
export function post(host: Host, m: unknown, signal?: AbortSignal): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json", ...host.headers }, body: JSON.stringify(m), signal: signal! };
}

/** What a transport does, until its signal says that it is over. */
export interface Work {
  run(signal: AbortSignal, heard: () => void): Promise<void>;
  /** Subscriptions have changed. */
  change(): void;
}

/** A link whose requests say all that the client wants. */
export function overHTTP(host: Host, { run, change }: Work): Link {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = watch(host, () => host.down());

  // A page subscribes in bursts, and begins with one.
  const soon = (f: () => void) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      f();
    });
  };
  soon(() => {
    run(stop.signal, silence.heard).catch(() => {
      if (!stop.signal.aborted) host.down();
    });
  });

  return {
    inBand: false,
    join: () => soon(change),
    leave: () => soon(change),
    call: m => void call(host, m),
    check: silence.check,
    close() {
      silence.stop();
      clearTimeout(timer);
      stop.abort();
    },
  };
}

async function call(host: Host, m: Call) {
  let code = "failed", message;
  try {
    const r = await host.fetch(host.url({ transport: "call" }), post(host, m));
    if (r.ok) {
      host.take(await r.json());
      return;
    }
    message = "status " + r.status;
    if (refusal(r.status).final) code = "forbidden";
  } catch (err) {
    code = "disconnected";
    message = String(err);
  }
  host.take({ type: "error", id: m.id, code, message } as Incoming);
}
