// Requests to the server.

import { t } from "./dom.js";

// A refused request; `status` is 0 if the server was not reached.
export class RequestError extends Error {
  constructor(status, code, message) {
    super(status === 0 ? t("error.unreachable") : translated(code, message));
    this.status = status;
    this.code = code;
  }
}

function translated(code, message) {
  const text = t(`error.${code}`);
  return text === `error.${code}` ? message : text;
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError(0, "unreachable", "");
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new RequestError(response.status, content.code, content.message ?? response.statusText);
  return content;
}

export const get = (path) => request(path, { signal: AbortSignal.timeout?.(20000) });

// `keepalive` lets a small request end after the page was closed.
export const post = (path, content = {}, keepalive = false) => request(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(content),
  keepalive,
  signal: AbortSignal.timeout?.(10000),
});

export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
