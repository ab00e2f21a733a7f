// All curves over one time axis, with the cursor; also the control of the time.

import { drawAxis, drawStrip, marksOf } from "./axis.js";
import { Row } from "./rows.js";
import { h } from "./shared/elements.js";
import { clock } from "./texts.js";

export class Curves {
  constructor(entry, tracks, timeWindow, seek) {
    Object.assign(this, { entry, tracks, timeWindow, seek });
    this.rows = entry.outputs.map((name, number) => new Row(name, number));
    this.isPicture = entry.kind === "image";
    this.cursor = h("div", { class: "cursor" });
    this.hover = h("div", { class: "cursor hover", hidden: true }, h("span"));
    this.area = h("div", { class: "over", tabindex: 0, role: "slider", "aria-label": "Time", "aria-valuemin": 0, "aria-valuemax": tracks.duration.toFixed(2) }, this.hover, this.cursor);
    this.axis = h("canvas", { class: "axis", "aria-hidden": "true" });
    this.strip = h("canvas", { class: "strip", "aria-hidden": "true" });
    this.frame = h("div", { class: "frame" });
    this.place = h("div", { class: "cursor" });
    this.whole = h("div", { class: "whole", title: "Click to go there" }, this.strip, this.frame, this.place);
    this.element = this.build();
    if (!this.isPicture) this.listen();
  }

  build() {
    const rows = this.rows.flatMap((row) => row.elements);
    if (this.isPicture) return h("div", { class: "curves picture" }, rows);
    this.rows.forEach((row, i) => { for (const element of row.elements) element.style.gridRow = i + 1; });
    this.area.style.gridRow = `1 / ${this.rows.length + 1}`;
    return h("div", { class: "curves" }, rows, this.area,
      h("div"), this.axis, h("div"),
      h("div", { class: "label muted" }, "whole video"), this.whole, h("div"));
  }

  listen() {
    const timeOf = (event) => {
      const box = this.area.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
      return this.timeWindow.from + share * this.timeWindow.length;
    };
    drag(this.area, (event) => this.seek(timeOf(event)));
    drag(this.whole, (event) => {
      const box = this.whole.getBoundingClientRect();
      this.seek(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.timeWindow.duration);
    });
    this.area.addEventListener("pointermove", (event) => {
      this.hover.hidden = false;
      this.hover.firstChild.textContent = clock(timeOf(event));
      this.move(this.hover, timeOf(event));
    });
    this.area.addEventListener("pointerleave", () => { this.hover.hidden = true; });
    this.area.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;  // the page scrolls
      event.preventDefault();
      this.timeWindow.zoom(Math.exp(event.deltaY / 300), timeOf(event));
      this.redraw();
    }, { passive: false });
  }

  choose(person) {
    this.person = person;
    this.redraw();
  }

  redraw() {
    const others = this.tracks.people.filter((person) => person !== this.person).slice(0, 8);
    const axis = marksOf(this.timeWindow, this.axis.clientWidth);
    const ticks = axis.marks.map(([, x]) => x);
    if (this.isPicture) {
      for (const row of this.rows) row.drawBar(this.person ? this.person.value(row.name, 0) : NaN);
      return;
    }
    for (const row of this.rows) row.draw(this.tracks, this.person, row.isDimension ? others : [], this.timeWindow, ticks);
    drawAxis(this.axis, axis);
    drawStrip(this.strip, this.tracks, this.person, this.timeWindow.duration);
    const { from, length, duration, isAll } = this.timeWindow;
    this.frame.hidden = isAll;
    this.frame.style.left = `${100 * from / duration}%`;
    this.frame.style.width = `${100 * length / duration}%`;
  }

  move(cursor, time) {
    const share = (time - this.timeWindow.from) / this.timeWindow.length;
    cursor.style.left = `${100 * share}%`;
    cursor.style.visibility = share < -1e-6 || share > 1 + 1e-6 ? "hidden" : "";
  }

  show(time, frame) {
    const best = this.person?.classAt(frame);
    for (const row of this.rows) {
      row.show(this.person ? this.person.value(row.name, frame) : NaN, best !== 255 && this.person?.classes[best] === row.name);
    }
    if (this.isPicture) return;
    this.move(this.cursor, time);
    this.place.style.left = `${100 * time / this.timeWindow.duration}%`;
    this.area.setAttribute("aria-valuenow", time.toFixed(2));
    const values = this.rows.map((row) => `${row.name} ${row.shown}`).join(", ");
    this.area.setAttribute("aria-valuetext", `${clock(time)}: ${this.person?.hasFace(frame) ? values : "no face"}`);
  }
}

// Calls a function while the pointer is pressed on an element.
function drag(element, act) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    act(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) act(event);
  });
}
