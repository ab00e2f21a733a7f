// Recording: samples at the display's rate, in segments, to the outbox.

import { FrameClock } from "./shared/clock.js";

const FLUSH = 500;  // milliseconds between batches: at most this much waits unsent
const MAX_SAMPLES = 2000;

// States: ready, countdown, recording, paused, ended.
export class Recorder extends EventTarget {
  constructor({ video, control, outbox, take, segments, countdown }) {
    super();
    Object.assign(this, { video, control, outbox, take, countdown });
    this.segment = segments;
    this.state = "ready";
    this.clock = new FrameClock(video);
    this.samples = [];
    this.events = [];
    this.device = null;
    this.last = performance.now();
    this.listeners = [
      [video, "ended", () => this.end()],
      [video, "waiting", () => this.note("waiting")],
      [document, "visibilitychange", () => { if (document.hidden) this.pause("hidden"); }],
      [window, "pagehide", () => { this.pause("closed"); outbox.hurry(); }],
    ];
    for (const [target, type, handler] of this.listeners) target.addEventListener(type, handler);
    const tick = (now) => {
      if (this.stopped) return;
      this.tick(now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    this.timer = setInterval(() => this.flush(), FLUSH);
  }

  use(device) {
    if (this.device) {
      this.pause("device");
      this.device.stop();
    }
    this.device = device;
    device.onmark = () => this.mark();
    device.onunplugged = () => {
      this.pause("unplugged");
      this.dispatchEvent(new CustomEvent("unplugged"));
    };
    device.onplugged = () => this.dispatchEvent(new CustomEvent("plugged"));
    device.start();
  }

  // `requestAnimationFrame` gives the start of the frame; the sample is read now, with all input
  // that has arrived.
  tick() {
    const now = performance.now();
    const elapsed = Math.min(0.1, (now - this.last) / 1000);
    this.last = now;
    if (this.device) this.device.update(elapsed);
    if (this.state === "recording" && !this.video.paused && !this.video.seeking) {
      this.samples.push([this.clock.time(), now, ...this.control.values]);
      if (this.samples.length >= MAX_SAMPLES) this.flush();
    }
    this.dispatchEvent(new CustomEvent("tick"));
  }

  async start() {
    if (!["ready", "paused"].includes(this.state)) return;
    if (this.device && !this.device.ready()) {
      this.dispatchEvent(new CustomEvent("unplugged"));
      return;
    }
    if (this.outbox.full) {
      this.dispatchEvent(new CustomEvent("full"));
      return;
    }
    this.set("countdown");
    for (let left = this.countdown; left > 0; left--) {
      this.dispatchEvent(new CustomEvent("count", { detail: left }));
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
      if (this.state !== "countdown") return;
    }
    // The frame at which the segment starts is shown before the video moves.
    const first = [this.clock.time(), performance.now(), ...this.control.values];
    try {
      await this.video.play();
    } catch (error) {
      this.set("paused");
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
      return;
    }
    if (this.state !== "countdown") { this.video.pause(); return; }
    this.segment += 1;
    this.frames = this.counted();
    this.samples.push(first);
    this.set("recording");
    this.note("start", this.clock.exact ? "frame" : "currentTime");
  }

  pause(reason = "pause") {
    if (this.state === "countdown") this.set("paused");
    if (this.state !== "recording") return;
    this.video.pause();
    this.note(reason);
    this.flush();
    this.set("paused");
  }

  toggle() {
    if (this.state === "recording" || this.state === "countdown") this.pause();
    else this.start();
  }

  // Moves to a time; what is recorded from there counts instead of what was recorded before.
  seek(time) {
    this.pause("seek");
    this.video.currentTime = Math.max(0, Math.min(this.video.duration || 0, time));
    if (this.state === "ended") this.set("paused");
  }

  mark() {
    if (this.state !== "recording") return;
    this.note("mark");
    this.dispatchEvent(new CustomEvent("marked"));
  }

  note(kind, detail = "") {
    if (this.segment === 0 || !["recording"].includes(this.state)) return;
    this.events.push({ kind, video_time: this.clock.time(), clock: performance.now(), detail });
  }

  end() {
    if (this.state !== "recording") return;
    this.note("end");
    this.flush();
    this.set("ended");
  }

  counted() {
    const quality = this.video.getVideoPlaybackQuality?.();
    return quality ? [quality.totalVideoFrames, quality.droppedVideoFrames] : [0, 0];
  }

  flush() {
    if (!this.samples.length && !this.events.length) return;
    const [total, dropped] = this.counted();
    const batch = {
      segment: this.segment,
      samples: this.samples,
      events: this.events,
      device: { ...this.device.describe(), clock: this.clock.exact ? "frame" : "currentTime" },
      origin: performance.timeOrigin,
      presented: Math.max(0, total - this.frames[0]),
      dropped: Math.max(0, dropped - this.frames[1]),
    };
    this.samples = [];
    this.events = [];
    this.outbox.add(this.take, batch);
    this.dispatchEvent(new CustomEvent("flushed", { detail: batch }));
    if (this.outbox.full) {
      this.pause("full");
      this.dispatchEvent(new CustomEvent("full"));
    }
  }

  set(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  stop() {
    this.pause("left");
    this.flush();
    this.stopped = true;
    this.clock.stop();
    clearInterval(this.timer);
    this.device?.stop();
    for (const [target, type, handler] of this.listeners) target.removeEventListener(type, handler);
  }
}
