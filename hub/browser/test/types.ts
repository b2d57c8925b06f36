// Compiled, never run: a program in TypeScript sees these types, and those
// that are wrong are refused.
import { connect as implemented } from "../connect.js";
import { connect, type CallError, type Hub } from "../hub.js";

// What is declared is what is implemented.
export const same: typeof connect = implemented;

const hub: Hub = connect("/live", { transports: ["ws", "poll"], auth: async () => "token" });
hub.onstate = (state, reason) => console.log(state === "closed" ? reason : hub.transport);
const sub = hub.subscribe<{ t: number }>("packets/7", ({ t }, offset) => console.log(t + offset), {
  from: { epoch: "e", offset: 1 },
  presence: ({ members, users }) => console.log(members.length < users),
  lost: n => console.log(n > 0),
  ended: code => console.log(code.length),
});
console.log(sub.position?.offset);
hub.call<number>("add", [1, 2], { timeout: 100 }).then(n => n + 1, (err: CallError) => err.code);

// @ts-expect-error: there is no such transport
connect("/live", { transports: ["carrier pigeon"] });
// @ts-expect-error: the state is the client's to set
hub.state = "open";
