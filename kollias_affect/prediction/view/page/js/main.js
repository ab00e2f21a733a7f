// Starts the page: the list of inputs, and the one that is open.

import { List } from "./list.js";
import { h, replace } from "./shared/elements.js";
import { loadIndex, loadTracks } from "./source.js";
import { counted } from "./texts.js";
import { Tracks } from "./tracks.js";
import { Viewer } from "./viewer.js";

const place = (id) => document.getElementById(id);

class App {
  constructor(index) {
    Object.assign(this, { index, entries: index.entries, viewer: null, asked: 0 });
    replace(place("header"), h("strong", {}, "Predictions"), h("span", { class: "muted folder" }, index.folder), h("span", { class: "grow" }), h("span", { class: "muted" }, counted(this.entries.length, "input")));
    this.list = new List(this.entries, (entry) => this.go(entry));
    place("list").hidden = this.entries.length < 2;
    replace(place("list"), this.list.elements);
    window.addEventListener("hashchange", () => this.openNamed());
    window.addEventListener("keydown", (event) => this.press(event));
    this.openNamed();
  }

  // The address names the input that is open, so that "back" and a reload lead to it.
  openNamed() {
    const number = Number(location.hash.match(/^#(\d+)$/)?.[1] ?? 0);
    this.open(this.entries[number] ?? this.entries[0]);
  }

  go(entry) {
    if (entry !== this.entry) location.hash = String(entry.number);
  }

  async open(entry) {
    if (entry === this.entry) return;
    this.entry = entry;
    const asked = ++this.asked;
    this.list.mark(entry);
    let tracks;
    try {
      tracks = new Tracks(await loadTracks(entry), entry.classes);
    } catch (error) {
      replace(place("main"), h("p", { class: "card note", role: "alert" }, `${entry.name} cannot be shown: ${error.message}`));
      return;
    }
    if (asked !== this.asked) return;
    this.viewer?.close();
    this.viewer = new Viewer(entry, tracks);
    replace(place("main"), this.viewer.element, h("footer", { class: "muted" }, "The outputs describe what a face shows, not what a person feels. ", `kollias_affect ${this.index.version}`));
    this.viewer.start();
    document.title = `${entry.name} · predictions`;
    document.body.dataset.open = String(entry.number);
  }

  press(event) {
    if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input:not([type=radio]), select")) return;
    this.go(this.entries[(this.entries.indexOf(this.entry) + 1) % this.entries.length]);
  }
}

try {
  new App(await loadIndex());
} catch (error) {
  replace(place("main"), h("p", { class: "card note", role: "alert" }, `The page cannot be shown: ${error.message}`));
}
