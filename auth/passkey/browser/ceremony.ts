/** What a begin request answers: a state to send back, and options whose binary members are base64url. */
export interface Begun {
  state: string;
  publicKey: {
    challenge: string;
    rpId?: string;
    user?: { id: string };
    excludeCredentials?: Descriptor[];
    allowCredentials?: Descriptor[];
    [name: string]: unknown;
  };
}

interface Descriptor {
  type: string;
  id: string;
  transports?: string[];
}

/** A credential as the server takes it: the standard's JSON form, without what it does not use. */
export interface Sent {
  id: string;
  type: string;
  response: { [name: string]: unknown };
}

// PublicKeyCredential.parseCreationOptionsFromJSON and toJSON do this too, in
// browsers of 2025 and later.

function bytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
}

function text(buffer: ArrayBuffer): string {
  let raw = "";
  for (const b of new Uint8Array(buffer)) raw += String.fromCharCode(b);
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function descriptors(list: Descriptor[] = []): object[] {
  return list.map(d => ({ ...d, id: bytes(d.id) }));
}

/** Has the authenticator make a credential. */
export async function create({ publicKey }: Begun): Promise<Sent> {
  const options = {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    user: { ...publicKey.user!, id: bytes(publicKey.user!.id) },
    excludeCredentials: descriptors(publicKey.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await navigator.credentials.create({ publicKey: options })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id,
    type: made.type,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

/** Has the authenticator sign in; with a signal, when the user picks a passkey among the suggestions. */
export async function get({ publicKey }: Begun, autofill?: AbortSignal): Promise<Sent> {
  const options = {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    allowCredentials: descriptors(publicKey.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
  const request: CredentialRequestOptions = { publicKey: options };
  if (autofill) Object.assign(request, { mediation: "conditional", signal: autofill });
  const found = (await navigator.credentials.get(request)) as PublicKeyCredential;
  const response = found.response as AuthenticatorAssertionResponse;
  return {
    id: found.id,
    type: found.type,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
}
