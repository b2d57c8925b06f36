/** An answer of the server that is an error. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

const plain: { [name: string]: string } = {
  waiting: "Waiting for your passkey…",
  cancelled: "Nothing was done: it was cancelled or took too long. Please try again.",
  registered: "This device has a passkey for your account already.",
  unsupported: "This device cannot do that. Please try another one.",
  insecure: "Passkeys do not work at this address.",
  offline: "The server cannot be reached. Please try again.",
  failed: "That did not work. Please try again.",
};

const names: { [name: string]: string } = {
  NotAllowedError: "cancelled",
  AbortError: "cancelled",
  InvalidStateError: "registered",
  NotSupportedError: "unsupported",
  ConstraintError: "unsupported",
  SecurityError: "insecure",
  TypeError: "offline", // of fetch
};

/** Says what happened in plain words: the server's, those of a data-passkey-text-… attribute, or ours. */
export function explain(form: HTMLFormElement, what: unknown): string {
  if (what instanceof Problem && what.message) return what.message;
  const name = typeof what === "string" ? what : (names[(what as Error)?.name] ?? "failed");
  return form.getAttribute("data-passkey-text-" + name) ?? plain[name]!;
}
