import type { Call, Incoming, Subscribe } from "./messages.js";

/** One connection to the server, by one transport. It is open when made. */
export interface Link {
  /** Asks for a subscription that was added since, or that must be tried again. */
  join(m: Subscribe): void;
  /** Says that a subscription is over. */
  leave(topic: string): void;
  call(m: Call): void;
  /** Calls that were sent die with the link. */
  readonly inBand: boolean;
  /** The device may have slept: finds out whether the connection still stands. */
  check(): void;
  close(): void;
}

/** What a link tells, and asks, whoever made it. After close it says nothing. */
export interface Host {
  readonly quiet: number;
  readonly patience: number;
  readonly WebSocket: typeof WebSocket;
  readonly fetch: typeof fetch;
  /** Says who the client is, where there are no cookies. */
  readonly headers: Record<string, string>;
  /** The endpoint, with a query for a transport. */
  url(query?: Record<string, string>): string;
  /** All subscriptions, from where they stand now. */
  requests(): Subscribe[];
  /** The server can be asked. */
  up(): void;
  /** A message has come. */
  take(m: Incoming): void;
  /** The link is of no more use. */
  down(why?: Down): void;
}

export interface Down {
  /** The server does not want this client: why. */
  final?: string;
  /** It might with a new token, if this one was good before. */
  renew?: boolean;
  /** This transport will not do. */
  other?: boolean;
}

/** Watches a link for silence. */
export interface Watch {
  heard(): void;
  check(): void;
  stop(): void;
}

/**
 * A network that went away says nothing. A link must open within the host's
 * patience; after a silence it asks, if it can, and a third of that time later
 * it is dead. Servers that are not asked speak every 25 s by themselves.
 */
export function watch(host: Host, dead: () => void, ask?: () => void): Watch {
  let last = Date.now();
  let timer = setTimeout(dead, host.patience);
  const test = () => {
    ask?.();
    clearTimeout(timer);
    timer = setTimeout(dead, host.quiet / 3);
  };
  return {
    heard() {
      last = Date.now();
      clearTimeout(timer);
      timer = setTimeout(test, host.quiet);
    },
    check() {
      if (Date.now() - last > (host.quiet * 4) / 3) dead();
      else if (ask) test();
    },
    stop: () => clearTimeout(timer),
  };
}
