import type { CallError } from "./hub.js";
import type { Call, Incoming } from "./messages.js";

/** A call whose answer is awaited. */
interface Waiting {
  m: Call;
  sent: boolean;
  settle(m: Partial<Incoming>): void;
}

export interface Calls {
  call<T>(method: string, data: unknown, timeout?: number): Promise<T>;
  /** Takes the answer to a call, or says that it is none. */
  take(m: Partial<Incoming>): boolean;
  /** Gives those that wait for a connection to send. */
  flush(send: (m: Call) => void): void;
  /** Fails those that were sent, or all. */
  fail(code: string, message: string, all?: boolean): void;
}

const patience = 15000; // over the 10 s that a server waits

export function newCalls(ready: () => void): Calls {
  const waiting = new Map<number, Waiting>();
  let last = 0;

  const calls: Calls = {
    call<T>(method: string, data: unknown, timeout?: number) {
      return new Promise<T>((resolve, reject) => {
        const m: Call = { type: "call", id: ++last, method, data, timeout };
        const timer = setTimeout(() => {
          calls.take({ type: "error", id: m.id, code: "timeout", message: "no answer in time" });
        }, timeout || patience);
        waiting.set(m.id, {
          m,
          sent: false,
          settle(answer) {
            waiting.delete(m.id);
            clearTimeout(timer);
            if (answer.type === "result") {
              resolve(answer.data as T);
              return;
            }
            const err = new Error(answer.message) as CallError;
            err.name = "CallError";
            err.code = answer.code!;
            err.data = answer.data;
            reject(err);
          },
        });
        ready();
      });
    },
    take(m) {
      if ((m.type !== "result" && m.type !== "error") || typeof m.id !== "number") return false;
      waiting.get(m.id)?.settle(m); // one that comes after its timeout is for nobody
      return true;
    },
    flush(send) {
      for (const w of waiting.values()) {
        if (w.sent) continue;
        w.sent = true;
        send(w.m);
      }
    },
    fail(code, message, all) {
      for (const w of [...waiting.values()]) if (all || w.sent) w.settle({ type: "error", code, message });
    },
  };
  return calls;
}
