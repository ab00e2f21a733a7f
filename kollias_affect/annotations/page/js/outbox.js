// Batches on their way to the server.
//
// A batch stays in the browser's storage until the server has acknowledged it, and is sent again
// after a failure, also by a page that is opened later. The server stores a batch once: its take,
// its writer (this opened page) and its sequence number identify it.

import { post, randomName } from "./api.js";

export const WRITER = randomName();
const RETRY = [200, 400, 800, 1500];  // milliseconds after failures
const MAX_WAITING = 3_000_000;  // characters; browsers store about five million

export class Outbox extends EventTarget {
  constructor(store, annotator) {
    super();
    this.prefix = `kollias:${store}:${encodeURIComponent(annotator)}:`;
    this.queue = [];
    this.size = 0;
    this.sequences = new Map();
    this.failures = 0;
    this.refused = null;
    this.sending = false;
    this.closed = false;
    this.restore();
  }

  // Batches that an earlier page could not deliver.
  restore() {
    const keys = [];
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (key.startsWith(this.prefix)) keys.push(key);
    }
    const padded = (key) => key.replace(/\d+$/, (digits) => digits.padStart(9, "0"));
    for (const key of keys.sort((a, b) => (padded(a) < padded(b) ? -1 : 1))) {
      this.put(key, localStorage.getItem(key));
    }
    this.send();
  }

  put(key, text) {
    this.queue.push({ key, text, take: key.slice(this.prefix.length).split(":")[0] });
    this.size += text.length;
  }

  get full() {
    return this.size > MAX_WAITING;
  }

  // Number of batches of a take that are not acknowledged.
  waiting(take) {
    return this.queue.filter((item) => take === undefined || item.take === take).length;
  }

  add(take, batch) {
    const sequence = this.sequences.get(take) ?? 0;
    this.sequences.set(take, sequence + 1);
    const key = `${this.prefix}${take}:${WRITER}:${sequence}`;
    const text = JSON.stringify({ ...batch, writer: WRITER, sequence });
    try {
      localStorage.setItem(key, text);
    } catch { /* Without storage, the batch lives as long as the page. */ }
    this.put(key, text);
    this.changed();
    this.send();
  }

  async send() {
    if (this.sending || this.closed) return;
    this.sending = true;
    while (this.queue.length && !this.closed) {
      const item = this.queue[0];
      try {
        await post(`api/takes/${item.take}/batches`, JSON.parse(item.text));
        this.failures = 0;
        this.remove(item);
      } catch (error) {
        if (error.status === 401) {
          this.dispatchEvent(new CustomEvent("logged_out"));
          break;
        }
        if (error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status)) {
          this.refuse(item, error);
          continue;
        }
        this.failures += 1;
        this.changed();
        const wait = RETRY[Math.min(this.failures, RETRY.length) - 1];
        await new Promise((resolve) => { setTimeout(resolve, wait); });
      }
    }
    this.sending = false;
    this.changed();
  }

  remove(item) {
    this.queue.shift();
    this.size -= item.text.length;
    localStorage.removeItem(item.key);
    this.changed();
  }

  // A refused batch is kept aside, so that it neither blocks the others nor disappears. One of a
  // video that is not served today is sent again by the next page.
  refuse(item, error) {
    this.queue.shift();
    this.size -= item.text.length;
    if (error.status !== 404) try {
      localStorage.setItem(`refused:${item.key}`, item.text);
      localStorage.removeItem(item.key);
    } catch { /* It stays under its own name and is tried again. */ }
    this.refused = error;
    this.dispatchEvent(new CustomEvent("refused", { detail: error }));
  }

  // Sends what waits while the page closes. The next page sends it again; it is stored once.
  hurry() {
    for (const item of this.queue.slice(0, 4)) {
      post(`api/takes/${item.take}/batches`, JSON.parse(item.text), true).catch(() => {});
    }
  }

  // Resolves when everything of a take is acknowledged.
  async delivered(take) {
    while (this.waiting(take) && !this.closed) {
      this.send();
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }

  changed() {
    this.dispatchEvent(new CustomEvent("changed"));
  }

  close() {
    this.closed = true;
  }
}
