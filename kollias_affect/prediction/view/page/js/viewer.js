// One input: its video or picture, its people, the plane, the curves, and the keys.

import { Boxes } from "./boxes.js";
import { Curves } from "./curves.js";
import { Plane } from "./plane.js";
import { Player } from "./player.js";
import { h } from "./shared/elements.js";
import { clock, counted, signed } from "./texts.js";
import { TimeWindow } from "./window.js";

const RATES = [0.25, 0.5, 1, 1.5, 2];
const KEYS = [["Space", "play, pause"], ["← →", "one second"], [", .", "one frame"], ["Home End", "start, end"], ["+ − 0", "zoom, all"], ["P", "next person"], ["N", "next input"]];

export class Viewer {
  constructor(entry, tracks) {
    Object.assign(this, { entry, tracks, isPicture: entry.kind === "image" });
    this.window = new TimeWindow(tracks.duration);
    this.now = h("output", { class: "now" });
    this.playButton = h("button", { type: "button", class: "primary play", onclick: () => this.player.toggle() });
    this.mute = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.toggleSound() }, "Sound");
    this.summary = h("p", { class: "summary muted" });
    this.player = new Player(entry, tracks.duration, () => this.changed());
    this.boxes = new Boxes(tracks, (person) => this.choose(person));
    this.curves = new Curves(entry, tracks, this.window, (time) => this.seek(time));
    const both = ["valence", "arousal"].every((name) => entry.outputs.includes(name));
    this.plane = both ? new Plane(tracks, (person) => this.choose(person)) : null;
    this.element = this.build();
    this.observer = new ResizeObserver(() => this.draw());
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => this.draw();
    this.keys = (event) => this.press(event);
    this.running = true;
  }

  // Call it when the element is in the page.
  start() {
    this.choose(this.tracks.people[0] ?? null);
    this.changed();
    this.observer.observe(this.curves.element);
    this.scheme.addEventListener("change", this.recolour);
    window.addEventListener("keydown", this.keys);
    const tick = () => { if (this.running) { this.show(); requestAnimationFrame(tick); } };
    requestAnimationFrame(tick);
  }

  build() {
    const people = this.tracks.people;
    this.chips = people.map((person) => this.chip(person));
    return h("article", { class: `viewer ${this.plane ? "" : "flat"}` },
      h("div", { class: "card head" },
        h("h1", {}, this.entry.name),
        people.length > 0 && h("fieldset", { class: "people", hidden: people.length < 2 }, h("legend", {}, this.isPicture ? "Face" : "Person"), this.chips.map((chip) => chip.label)),
        this.summary),
      h("div", { class: "stage" },
        h("div", { class: "card show" }, this.player.screen, this.isPicture ? false : this.controls()),
        this.plane && h("div", { class: "card side" }, this.plane.element)),
      h("div", { class: "card" }, this.curves.element, this.isPicture ? false : help()));
  }

  chip(person) {
    const input = h("input", { type: "radio", name: "person", onchange: () => this.choose(person) });
    const share = this.entry.people[this.tracks.people.indexOf(person)].share;
    const title = this.isPicture ? null : `a face for ${clock(share * this.tracks.duration, 0)}`;
    return { person, input, label: h("label", { class: "chip", title }, input, person.id) };
  }

  controls() {
    const rate = h("select", { "aria-label": "Speed", onchange: () => this.player.setRate(Number(rate.value)) },
      RATES.map((value) => h("option", { value: String(value), selected: value === 1 }, `${value}×`)));
    const zoom = (label, text, act) => h("button", { type: "button", "aria-label": label, title: label, onclick: () => { act(); this.draw(); } }, text);
    this.player.mute(true);
    return h("div", { class: "controls" }, this.playButton, this.now, h("span", { class: "grow" }), this.mute, rate,
      h("span", { class: "group" },
        zoom("Zoom out", "−", () => this.window.zoom(2, this.player.time)),
        zoom("Zoom in", "+", () => this.window.zoom(0.5, this.player.time)),
        zoom("Show the whole video", "All", () => this.window.all())));
  }

  toggleSound() {
    this.sound = !this.sound;
    this.player.mute(!this.sound);
    this.mute.setAttribute("aria-pressed", String(this.sound));
  }

  choose(person) {
    this.person = person;
    for (const chip of this.chips) chip.input.checked = chip.person === person;
    this.summary.textContent = this.summarise(person);
    this.curves.person = person;
    this.draw();
  }

  summarise(person) {
    if (!person) return this.isPicture ? "No face was found." : "No face was found in any frame.";
    if (this.isPicture) return "";
    const parts = [`a face in ${Math.floor(100 * this.entry.people[this.tracks.people.indexOf(person)].share)} % of ${counted(this.tracks.times.length, "frame")}`];
    for (const name of ["valence", "arousal"]) if (name in person.columns) parts.push(`mean ${name} ${signed(person.mean(name))}`);
    const usual = person.usual();
    if (usual) parts.push(`most often ${usual.name} (${Math.round(100 * usual.share)} %)`);
    return parts.join(" · ");
  }

  changed() {
    if (!this.element) return;
    const { playing, video, medium } = this.player;
    this.playButton.textContent = playing ? "Pause" : "Play";
    this.playButton.setAttribute("aria-keyshortcuts", "Space");
    this.mute.hidden = !video || !medium.sound;
    this.player.mute(!this.sound);
    if (medium && !medium.annotated) this.player.screen.append(this.boxes.element);
    else this.boxes.element.remove();
  }

  seek(time) {
    this.player.seek(time);
  }

  step(frames) {
    const { times } = this.tracks;
    const frame = Math.max(0, Math.min(times.length - 1, this.tracks.frameAt(this.player.time) + frames));
    // A little after its start, so that rounding does not show the frame before it.
    const next = times[frame + 1] ?? this.tracks.duration;
    this.seek(times[frame] + Math.min(0.004, (next - times[frame]) / 2));
  }

  draw() {
    this.curves.redraw();
    this.plane?.choose(this.person);
  }

  show() {
    const time = this.isPicture ? 0 : this.player.time;
    const frame = this.tracks.frameAt(time);
    if (this.player.playing && this.window.follow(time)) this.curves.redraw();
    this.curves.show(time, frame);
    this.plane?.show(frame, this.person);
    if (this.boxes.element.isConnected) this.boxes.show(frame, this.person, this.player.size);
    if (this.isPicture || !this.tracks.times.length) return;
    const text = `${clock(time)} / ${clock(this.tracks.duration)}  ·  frame ${frame + 1}`;
    if (text !== this.now.textContent) this.now.textContent = text;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.matches?.("select, textarea, input:not([type=radio])")) return;
    if (event.key === " " && target.matches?.("button, a, summary, input")) return;
    if (event.key.startsWith("Arrow") && target.matches?.("input")) return;
    const action = this.actions(event)[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  actions() {
    const next = () => {
      const { people } = this.tracks;
      if (people.length) this.choose(people[(people.indexOf(this.person) + 1) % people.length]);
    };
    if (this.isPicture) return { p: next };
    const by = (seconds) => () => this.move(this.player.time + seconds);
    const zoom = (factor) => () => { this.window.zoom(factor, this.player.time); this.draw(); };
    return {
      " ": () => this.player.toggle(), arrowleft: by(-1), arrowright: by(1), ",": () => this.step(-1), ".": () => this.step(1),
      home: () => this.move(0), end: () => this.move(this.tracks.duration), "+": zoom(0.5), "=": zoom(0.5), "-": zoom(2),
      0: () => { this.window.all(); this.draw(); }, p: next,
    };
  }

  // Seeks by a key: the window follows.
  move(time) {
    this.seek(time);
    if (this.window.follow(Math.max(0, Math.min(time, this.tracks.duration)))) this.draw();
  }

  close() {
    this.running = false;
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.recolour);
    window.removeEventListener("keydown", this.keys);
    this.player.close();
  }
}

function help() {
  return h("p", { class: "keys muted" }, KEYS.map(([key, text]) => h("span", {}, h("kbd", {}, key), ` ${text}`)));
}
