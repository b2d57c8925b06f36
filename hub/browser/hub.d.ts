// The browser's client of gale's hub, as programs see it. The sources beside
// this file implement it; docs/hub-protocol.md is what they speak.

/** Makes the names below those of the global `gale` for hub.global.js. */
export as namespace gale;

/** Where a stream stands. Offsets of two epochs say nothing about each other. */
export interface Position {
  epoch: string;
  offset: number;
}

/**
 * What the connection does: it is being made, stands, waits before the next
 * try, or has ended for good.
 */
export type State = "connecting" | "open" | "waiting" | "closed";

/** The ways to a hub, the best first. */
export type Transport = "ws" | "sse" | "poll";

export interface Options {
  /**
   * The transports to try, in this order. Without it those that the browser
   * has, from "ws" to "poll". What has worked is tried first for the life of
   * the page.
   */
  transports?: Transport[];
  /**
   * Returns the token that a server with Options.Authenticate wants; asked for
   * each connection. Without it cookies say who the user is.
   */
  auth?: () => string | Promise<string>;
  /** Milliseconds of the first pause at most; it doubles with each failure. 500. */
  wait?: number;
  /** Milliseconds of any pause at most. 30000. */
  maxWait?: number;
  /** Milliseconds of silence after which the connection is tested. 30000. */
  quiet?: number;
  /** Milliseconds that a transport may take to open. 8000. */
  patience?: number;
  /** Instead of the global WebSocket. */
  WebSocket?: typeof WebSocket;
  /** Instead of the global fetch. */
  fetch?: typeof fetch;
}

export interface SubscribeOptions {
  /** Go on behind this position, that of the last message seen. */
  from?: Position;
  /** Without `from`: begin with up to so many of the messages kept. */
  recent?: number;
  /**
   * Messages are missing before the next one: `n` of them or, when 0, an
   * unknown number, so that the state must be loaded afresh.
   */
  lost?: (n: number) => void;
  /** The server refused; the subscription is over. */
  failed?: (code: string, message: string) => void;
  /** The server ended it, with code "revoked" when access was withdrawn. */
  ended?: (code: string) => void;
  /** Asks for presence, and is told of it at first and whenever it changes. */
  presence?: (presence: Presence) => void;
}

export interface Subscription {
  readonly topic: string;
  /** That of the last message; undefined while there is none. */
  readonly position: Position | undefined;
  close(): void;
}

/** One connection of a user. */
export interface Member {
  user: string;
  conn: string;
  /** When it came, in milliseconds since 1970. */
  since: number;
  info?: unknown;
}

export interface Presence {
  members: Member[];
  users: number;
  connections: number;
  /** There are too many to name: members are some of them, and may have left. */
  partial: boolean;
}

export interface CallOptions {
  /** Milliseconds to wait for the answer; the server may wait shorter. 15000. */
  timeout?: number;
}

/**
 * Why a call failed. Codes are the server's, and "timeout", "closed" and
 * "disconnected": the connection ended before the answer came, so that the
 * call may have been carried out or not.
 */
export interface CallError extends Error {
  code: string;
  /** What the server says besides; for "invalid" the problems by field. */
  data: unknown;
}

export interface Hub {
  readonly state: State;
  /** The one in use, or tried last. */
  readonly transport: Transport;
  /** Told of each change; the reason is there when the server ended it. */
  onstate: ((state: State, reason?: string) => void) | null;
  /** One subscription a topic; message gets the data as they were published. */
  subscribe<T = any>(topic: string, message: (data: T, offset: number) => void, options?: SubscribeOptions): Subscription;
  /** Calls a method of the server. Rejects with a CallError. */
  call<T = any>(method: string, data?: unknown, options?: CallOptions): Promise<T>;
  close(): void;
}

/** Connects to a hub's endpoint, and again whenever the connection is lost. */
export declare function connect(url: string, options?: Options): Hub;
