// What plays: a video, a picture, or a clock alone where no video can be played.

import { FrameClock } from "./shared/clock.js";
import { h } from "./shared/elements.js";
import { addressOf } from "./source.js";

export class Player {
  // `changed` is called when playing starts or stops.
  constructor(entry, duration, changed) {
    Object.assign(this, { entry, duration, changed });
    this.screen = h("div", { class: "screen" });
    this.waiting = [...entry.media];
    this.rate = 1;
    this.clock = { at: 0, since: null };
    this.next();
  }

  // Shows the first medium that can be played.
  next() {
    this.medium = this.waiting.shift() ?? null;
    this.video = this.picture = null;
    this.frames?.stop();
    this.frames = null;
    if (this.medium === null) this.showNothing();
    else if (this.entry.kind === "image") this.showPicture();
    else this.showVideo();
  }

  showNothing() {
    this.screen.replaceChildren(h("p", { class: "note", role: "status" }, this.entry.missing || lost(this.entry)));
    this.changed();
  }

  showPicture() {
    this.picture = h("img", { src: addressOf(this.medium), alt: this.entry.name, draggable: false });
    this.picture.addEventListener("error", () => this.next());
    this.picture.addEventListener("load", () => this.changed());
    this.screen.replaceChildren(this.picture);
  }

  showVideo() {
    const video = h("video", { src: addressOf(this.medium), preload: "auto", playsinline: true, "aria-label": this.entry.name });
    video.addEventListener("error", () => { if (this.video === video) this.next(); });
    for (const name of ["play", "pause", "ended", "loadedmetadata"]) video.addEventListener(name, () => this.changed());
    video.addEventListener("click", () => this.toggle());
    video.playbackRate = this.rate;
    this.video = video;
    this.frames = new FrameClock(video);
    this.screen.replaceChildren(video);
  }

  get element() {
    return this.video ?? this.picture;
  }

  get size() {
    const element = this.element;
    return element && [element.videoWidth ?? element.naturalWidth, element.videoHeight ?? element.naturalHeight];
  }

  get playing() {
    return this.video ? !this.video.paused && !this.video.ended : this.clock.since !== null;
  }

  get time() {
    if (this.video) return this.frames.time();
    const { at, since } = this.clock;
    if (since === null) return at;
    const now = at + this.rate * (performance.now() - since) / 1000;
    if (now >= this.duration) this.stopClock(this.duration);
    return Math.min(now, this.duration);
  }

  stopClock(at) {
    this.clock = { at, since: null };
    this.changed();
  }

  toggle() {
    if (this.video) {
      if (this.video.paused) this.video.play().catch(() => {}); else this.video.pause();
    } else if (this.playing) {
      this.stopClock(this.time);
    } else {
      this.clock = { at: this.time >= this.duration ? 0 : this.time, since: performance.now() };
      this.changed();
    }
  }

  seek(time) {
    const inside = Math.max(0, Math.min(time, this.duration));
    if (this.video) this.video.currentTime = inside;
    else this.clock = { at: inside, since: this.playing ? performance.now() : null };
  }

  setRate(rate) {
    if (this.video) this.video.playbackRate = rate;
    else this.clock = { at: this.time, since: this.playing ? performance.now() : null };
    this.rate = rate;
  }

  mute(muted) {
    if (this.video) this.video.muted = muted;
  }

  close() {
    this.frames?.stop();
    this.video?.pause();
    this.video?.removeAttribute("src");
    this.video?.load();
    this.video = null;
  }
}

function lost({ name, media }) {
  return `This browser does not show ${name}, or the file is no longer where it was (${media[0].href ?? "in this page"}). Its outputs are below.`;
}
