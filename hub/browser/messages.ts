// The messages of docs/hub-protocol.md.
import type { Member } from "./hub.js";

export interface Subscribe {
  type: "subscribe";
  topic: string;
  epoch?: string;
  offset?: number;
  recent?: number;
  presence?: true;
}

export interface Call {
  type: "call";
  id: number;
  method: string;
  data?: unknown;
  timeout?: number;
}

/** Any message from the server: which members are there depends on the type. */
export interface Incoming {
  type: string;
  topic: string;
  epoch: string;
  offset: number;
  recovered?: boolean;
  missed?: number;
  items: { offset: number; data: unknown }[];
  code: string;
  message: string;
  id: number | string;
  data?: unknown;
  after: number;
  member: Member;
  members?: Member[];
  users: number;
  connections: number;
  partial?: boolean;
}
