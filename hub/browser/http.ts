import type { Down, Host, Link, Watch } from "./link.js";
import { watch } from "./link.js";
import type { Call, Incoming } from "./messages.js";

export const json = { "Content-Type": "application/json" };

/** What the status of an answer means for a link. */
export function refusal(status: number): Down {
  return status === 401 || status === 403 ? { final: "status " + status } : {};
}

/**
 * A link whose requests say all that the client wants. When its subscriptions
 * change, run is told to stop by its signal and begun again, once for a burst
 * of changes.
 */
export function overHTTP(host: Host, run: (signal: AbortSignal, silence: Watch) => Promise<void>): Link {
  let current = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = watch(host, () => host.down());

  function start() {
    timer = undefined;
    current.abort();
    const { signal } = (current = new AbortController());
    run(signal, silence).catch(() => {
      if (!signal.aborted) host.down();
    });
  }
  const change = () => {
    timer ??= setTimeout(start);
  };
  change();

  return {
    inBand: false,
    join: change,
    leave: change,
    call: m => void call(host, m),
    check: silence.check,
    close() {
      silence.stop();
      clearTimeout(timer);
      current.abort();
    },
  };
}

async function call(host: Host, m: Call) {
  let code = "failed", message;
  try {
    const r = await host.fetch(host.url({ transport: "call" }), { method: "POST", headers: json, body: JSON.stringify(m) });
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
