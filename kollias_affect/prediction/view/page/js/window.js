// The part of the time that the curves show.

const LEAST = 1;  // seconds

export class TimeWindow {
  constructor(duration) {
    this.duration = Math.max(duration, 1e-3);
    this.all();
  }

  all() {
    this.from = 0;
    this.to = this.duration;
  }

  get length() {
    return this.to - this.from;
  }

  get isAll() {
    return this.length >= this.duration * 0.999;
  }

  // Makes the window `factor` times as long; the time `around` keeps its place.
  zoom(factor, around) {
    const length = Math.min(this.duration, Math.max(this.length * factor, Math.min(LEAST, this.duration)));
    const share = (around - this.from) / this.length;
    this.place(around - share * length, length);
  }

  place(from, length = this.length) {
    this.from = Math.max(0, Math.min(from, this.duration - length));
    this.to = this.from + length;
  }

  // Turns the page if a time has left the window; returns whether it did.
  follow(time) {
    if (time >= this.from && time <= this.to) return false;
    this.place(time - 0.1 * this.length);
    return true;
  }
}
