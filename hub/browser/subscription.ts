import type { Position, Presence, SubscribeOptions, Subscription } from "./hub.js";
import type { Incoming, Subscribe } from "./messages.js";
import { safely } from "./safely.js";

/** A subscription as the connection sees it. */
export interface Sub extends Subscription {
  /** What asks for it, from where it stands now. */
  request(): Subscribe;
  /** Takes a message of its topic. */
  take(m: Incoming): void;
  readonly options: SubscribeOptions;
  /** Whatever still comes is dropped. */
  over: boolean;
  /** Runs while the topic is unavailable. */
  retry?: ReturnType<typeof setTimeout>;
}

export function newSub<T>(topic: string, message: (data: T, offset: number) => void, o: SubscribeOptions, close: () => void): Sub {
  let at: Position | undefined = o.from?.epoch ? o.from : undefined;
  let begun = false; // it was subscribed once: the next time is a resumption
  let there: Presence = { members: [], users: 0, connections: 0, partial: false };

  function subscribed(m: Incoming) {
    const resumed = m.recovered === true;
    // Behind a place in the same stream nothing that was shown comes again.
    // What did not resume counts from where the server says.
    if (!resumed || !at || m.epoch !== at.epoch || m.offset > at.offset) at = { epoch: m.epoch, offset: m.offset };
    const gap = begun ? !resumed : m.recovered === false;
    begun = true;
    if (gap) safely(o.lost, 0);
  }

  function messages(m: Incoming) {
    begun = true; // a poll in whose session an earlier one left off says no more
    // What the server could not give its broker has no epoch, and is a gap for
    // nobody: the stream goes on where it stood.
    if (m.epoch && at && m.epoch !== at.epoch) safely(o.lost, 0);
    else if (m.missed) safely(o.lost, m.missed);
    for (const { offset, data } of m.items) {
      if (sub.over) return;
      if (m.epoch && at && m.epoch === at.epoch && offset <= at.offset) continue;
      if (m.epoch || !at) at = { epoch: m.epoch, offset };
      safely(message, data as T, offset);
    }
  }

  function presence(m: Incoming) {
    let members = there.members;
    if (m.type === "presence") {
      members = m.members || (m.partial ? members : []);
    } else {
      members = members.filter(x => x.conn !== m.member.conn);
      if (m.type === "joined") members.push(m.member);
    }
    const partial = m.type === "presence" ? !!m.partial : there.partial;
    there = { members, users: m.users, connections: m.connections, partial };
    safely(o.presence, there);
  }

  const sub: Sub = {
    topic,
    options: o,
    over: false,
    get position() {
      return at?.epoch ? at : undefined;
    },
    request() {
      const m: Subscribe = { type: "subscribe", topic };
      if (at?.epoch) Object.assign(m, at);
      else if (!begun && o.recent) m.recent = o.recent;
      if (o.presence) m.presence = true;
      return m;
    },
    take(m) {
      if (m.type === "subscribed") subscribed(m);
      else if (m.type === "messages") messages(m);
      else if (o.presence && /^(presence|joined|left)$/.test(m.type)) presence(m);
    },
    close,
  };
  return sub;
}
