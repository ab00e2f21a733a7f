// Input devices. Each one moves `control.values`; `update` is called once per displayed frame.

import { loadCalibration, normalise, padOf, pads } from "./gamepad.js";

export const DEVICES = ["keyboard", "mouse", "touch", "wheel", "gamepad"];
const SPEED = 1;      // units per second of a held key, or of a stick in the unbounded mode
const NUDGE = 0.02;   // a short press of a key
const NOTCH = 0.05;   // a notch of the wheel

// The values that an annotator moves: one, or valence and arousal.
export class Control {
  constructor(count, bounded) {
    this.bounded = bounded;
    this.values = new Array(count).fill(0);
  }

  get plane() {
    return this.values.length === 2;
  }

  // Sets the vertical value (the value, or arousal) or the horizontal one (valence).
  set(which, value) {
    const index = which === "vertical" ? this.values.length - 1 : 0;
    this.values[index] = this.bounded ? Math.max(-1, Math.min(1, value)) : value;
  }

  get(which) {
    return this.values[which === "vertical" ? this.values.length - 1 : 0];
  }

  move(which, by) {
    if (which === "horizontal" && !this.plane) return;
    this.set(which, this.get(which) + by);
  }

  centre() {
    this.values.fill(0);
  }
}

class Device {
  constructor(control, pad) {
    this.control = control;
    this.pad = pad;           // element of the slider or plane
    this.listeners = [];
    this.onunplugged = () => {};
    this.onplugged = () => {};
    this.onmark = () => {};
  }

  listen(target, type, handler, options) {
    target.addEventListener(type, handler, options);
    this.listeners.push(() => target.removeEventListener(type, handler, options));
  }

  update() {}

  start() {}

  stop() {
    this.listeners.forEach((remove) => remove());
    this.listeners = [];
  }

  ready() {
    return true;
  }
}

const KEYS = {
  ArrowUp: ["vertical", 1], ArrowDown: ["vertical", -1],
  ArrowRight: ["horizontal", 1], ArrowLeft: ["horizontal", -1],
};

class Keyboard extends Device {
  start() {
    this.held = new Map();
    this.listen(window, "keydown", (event) => {
      if (event.target.closest?.("input, select, textarea, dialog")) return;
      if (event.key === "Home" || event.key === "0") this.control.centre();
      const move = KEYS[event.key];
      if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (event.repeat || this.held.has(event.key)) return;
      this.held.set(event.key, move);
      this.control.move(move[0], move[1] * NUDGE);
    });
    this.listen(window, "keyup", (event) => this.held.delete(event.key));
    this.listen(window, "blur", () => this.held.clear());
  }

  update(elapsed) {
    for (const [which, sign] of this.held.values()) this.control.move(which, sign * SPEED * elapsed);
  }

  describe() {
    return { kind: "keyboard", speed: SPEED, nudge: NUDGE };
  }
}

// Mouse and touch: the position beside the slider is the value; without bounds, its movement.
class Pointer extends Device {
  constructor(control, pad, kind, area) {
    super(control, pad);
    this.kind = kind;
    this.area = kind === "mouse" ? area : pad;
  }

  start() {
    this.last = null;
    const own = (event) => (this.kind === "touch") === (event.pointerType === "touch");
    this.listen(this.area, "pointerdown", (event) => {
      if (!own(event) || event.target.closest("button, input, select, a")) return;
      if (event.target.setPointerCapture && this.kind === "touch") event.target.setPointerCapture(event.pointerId);
      this.last = this.control.bounded ? null : event;
      this.follow(event);
    });
    this.listen(this.area, "pointermove", (event) => { if (own(event)) this.follow(event); });
    this.listen(window, "pointerup", () => { if (this.kind === "touch") this.last = null; });
  }

  follow(event) {
    const box = this.pad.getBoundingClientRect();
    if (this.control.bounded) {
      this.control.set("vertical", 1 - 2 * (event.clientY - box.top) / box.height);
      if (this.control.plane) this.control.set("horizontal", 2 * (event.clientX - box.left) / box.width - 1);
    } else if (this.last) {
      this.control.move("vertical", -2 * (event.clientY - this.last.clientY) / box.height);
      this.control.move("horizontal", 2 * (event.clientX - this.last.clientX) / box.width);
    }
    this.last = { clientX: event.clientX, clientY: event.clientY };
  }

  describe() {
    return { kind: this.kind, control: this.control.bounded ? "position" : "movement" };
  }
}

class Wheel extends Device {
  constructor(control, pad, area) {
    super(control, pad);
    this.area = area;
  }

  start() {
    this.listen(this.area, "wheel", (event) => {
      event.preventDefault();
      const scale = event.deltaMode === 0 ? 1 / 100 : 1 / 3;  // a notch in pixels or in lines
      this.control.move("vertical", -event.deltaY * scale * NOTCH);
      this.control.move("horizontal", event.deltaX * scale * NOTCH);
    }, { passive: false });
  }

  describe() {
    return { kind: "wheel", step: NOTCH };
  }
}

// Position of a stick in the bounded mode; in the unbounded one, its position is a speed.
class Gamepad extends Device {
  constructor(control, pad, id) {
    super(control, pad);
    this.id = id ?? pads()[0]?.id ?? null;
    this.calibration = this.id === null ? null : loadCalibration(this.id);
    this.present = this.ready();
    this.pressed = false;
  }

  ready() {
    return this.id !== null && padOf(this.id) !== null;
  }

  start() {
    // Browsers report a pad only after one of its buttons was pressed.
    this.listen(window, "gamepadconnected", () => this.update(0));
    this.listen(window, "gamepaddisconnected", () => this.update(0));
  }

  update(elapsed) {
    if (this.id === null && pads().length) {
      this.id = pads()[0].id;
      this.calibration = loadCalibration(this.id);
    }
    const found = this.id === null ? null : padOf(this.id);
    if (!found) {
      if (this.present) { this.present = false; this.onunplugged(); }
      return;
    }
    if (!this.present) { this.present = true; this.onplugged(); }
    this.read(found, "vertical", 0, elapsed);
    if (this.control.plane) this.read(found, "horizontal", 1, elapsed);
    const pressed = found.buttons[this.calibration.mark]?.pressed ?? false;
    if (pressed && !this.pressed) this.onmark();
    this.pressed = pressed;
  }

  read(found, which, axis, elapsed) {
    const raw = found.axes[this.calibration.axes[axis]] ?? 0;
    const value = normalise(raw, this.calibration, axis);
    if (this.control.bounded) this.control.set(which, value);
    else this.control.move(which, value * SPEED * elapsed);
  }

  describe() {
    return {
      kind: "gamepad", id: this.id, calibration: this.calibration,
      control: this.control.bounded ? "position" : "speed", speed: SPEED,
    };
  }
}

// Device of a kind; `pad` is the slider's element, `area` the place in which the mouse counts.
export function createDevice(kind, control, pad, area, id) {
  if (kind === "keyboard") return new Keyboard(control, pad);
  if (kind === "wheel") return new Wheel(control, pad, area);
  if (kind === "gamepad") return new Gamepad(control, pad, id);
  return new Pointer(control, pad, kind, area);
}
