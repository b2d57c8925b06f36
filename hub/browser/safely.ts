/**
 * Runs a function of the application: what it throws is reported as uncaught
 * and stops neither the client nor the other functions.
 */
export function safely<A extends unknown[]>(f: ((...args: A) => void) | null | undefined, ...args: A): void {
  try {
    f?.(...args);
  } catch (err) {
    if (typeof reportError === "function") reportError(err);
    else console.error(err);
  }
}
