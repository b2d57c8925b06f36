// Passkeys on a page, from data- attributes alone; see the guide passkeys.md.
//
//   <form data-passkey="sign-in" data-passkey-begin="/passkeys/sign-in/begin"
//         data-passkey-finish="/passkeys/sign-in/finish" hidden>
//     <button>Sign in with a passkey</button>
//     <label><input type="checkbox" name="remember" value="true"> Stay signed in</label>  <!-- goes to finish in the query -->
//     <p data-passkey-status></p>
//   </form>

import { create, get, type Begun } from "./ceremony.js";
import { explain, Problem } from "./messages.js";

/** How long a request of the autofill waits before it takes a new challenge, which lives 5 minutes. */
const REFRESH = 4 * 60_000;

/** The request of the autofill that waits, which a pressed button has to end: a browser runs one at a time. */
let waiting: { abort: AbortController; ended: Promise<unknown> } | undefined;

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(answer.code ?? "", answer.detail ?? answer.title ?? "");
  return answer;
}

/** Tells the authenticator that the server does not know a credential any more, so that it is not offered again. */
async function forget(rpId: string | undefined, credentialId: string): Promise<void> {
  const signal = (PublicKeyCredential as { signalUnknownCredential?: (of: object) => Promise<void> }).signalUnknownCredential;
  if (rpId) await signal?.call(PublicKeyCredential, { rpId, credentialId })?.catch(() => undefined);
}

/** Runs one ceremony and returns the address to go to. Of the autofill, an abort ends it. */
async function run(form: HTMLFormElement, autofill?: AbortSignal): Promise<string> {
  const { passkey, passkeyBegin, passkeyFinish } = form.dataset;
  const begun = (await post(passkeyBegin!, {})) as Begun;
  autofill?.throwIfAborted();
  const credential = passkey === "register" ? await create(begun) : await get(begun, autofill);
  const body: { [name: string]: unknown } = { state: begun.state, credential };
  if (passkey === "register") body.name = String(new FormData(form).get("name") ?? "");
  const finish = new URL(passkeyFinish!, location.href);
  if (passkey !== "register") new FormData(form).forEach((value, name) => finish.searchParams.set(name, String(value)));
  try {
    const { next } = (await post(finish.href, body)) as { next?: string };
    return next ?? "";
  } catch (err) {
    if (err instanceof Problem && err.code === "passkey_unknown") await forget(begun.publicKey.rpId, credential.id);
    throw err;
  }
}

/** The element that tells what happens: a live region, which screen readers read out. */
function status(form: HTMLFormElement): HTMLElement {
  let element = form.querySelector<HTMLElement>("[data-passkey-status]");
  if (!element) {
    element = document.createElement("p");
    element.dataset.passkeyStatus = "";
    form.append(element);
  }
  element.setAttribute("role", "status");
  element.setAttribute("aria-live", "polite");
  return element;
}

/** Goes on after a ceremony, on this site only. */
function leave(next: string): void {
  const url = new URL(next || location.href, location.href);
  if (url.origin !== location.origin) throw new Problem("", "");
  if (next) location.assign(url);
  else location.reload();
}

async function press(form: HTMLFormElement): Promise<void> {
  const told = status(form);
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  told.textContent = explain(form, "waiting");
  try {
    waiting?.abort.abort();
    await waiting?.ended;
    leave(await run(form));
    told.textContent = "";
  } catch (err) {
    told.textContent = explain(form, err);
    void fillIn();
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** Offers passkeys among the suggestions of a field with autocomplete="… webauthn". */
async function fillIn(): Promise<void> {
  const form = document.querySelector<HTMLFormElement>('form[data-passkey="sign-in"]');
  if (!form || waiting || !document.querySelector('input[autocomplete~="webauthn"]')) return;
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()) || waiting) return;
  const abort = new AbortController();
  const fresh = setTimeout(() => abort.abort(), REFRESH);
  let again = false;
  const ended = run(form, abort.signal)
    .then(leave)
    .catch((err: unknown) => {
      const refresh = abort.signal.aborted && !document.querySelector('form[data-passkey][aria-busy="true"]');
      const late = err instanceof Problem && err.code === "passkey_expired";
      again = refresh || late;
      if (!abort.signal.aborted && !late) status(form).textContent = explain(form, err);
    })
    .finally(() => {
      clearTimeout(fresh);
      waiting = undefined;
    });
  waiting = { abort, ended };
  await ended;
  if (!again) return;
  // A page in the background asks for a challenge only once somebody is back.
  if (document.hidden) document.addEventListener("visibilitychange", () => void fillIn(), { once: true });
  else void fillIn();
}

function start(): void {
  if (!window.PublicKeyCredential) return; // the forms stay hidden
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
    status(form);
    form.hidden = false;
    form.addEventListener("submit", event => {
      event.preventDefault();
      void press(form);
    });
  }
  void fillIn();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
