// The plane of valence and arousal: where each person is now, and where the chosen one was.

import { cleared, colour } from "./canvas.js";
import { h } from "./shared/elements.js";
import { svg } from "./svg.js";
import { signed } from "./texts.js";

const TRAIL = 2;  // seconds
const MOST = 4000;  // points of the cloud

export class Plane {
  constructor(tracks, chosen) {
    Object.assign(this, { tracks, chosen });
    this.cloud = h("canvas", { "aria-hidden": "true" });
    this.trail = svg("path", { class: "trail" });
    this.dots = tracks.people.map((person) => this.dot(person));
    this.image = svg("svg", { viewBox: "-1.06 -1.06 2.12 2.12", role: "img", "aria-label": "plane of valence and arousal" },
      svg("circle", { class: "ring", r: 1 }),
      svg("path", { class: "axes", d: "M-1.06 0H1.06M0-1.06V1.06" }),
      this.trail, ...this.dots);
    this.element = h("figure", { class: "plane" },
      h("div", { class: "square" }, this.cloud, this.image,
        h("span", { class: "end top" }, "active"), h("span", { class: "end bottom" }, "passive"),
        h("span", { class: "end left" }, "negative"), h("span", { class: "end right" }, "positive")),
      h("figcaption", {}, "valence → · arousal ↑"));
  }

  dot(person) {
    const dot = svg("g", { class: "point" }, svg("circle", { r: 0.05 }), svg("text", { x: 0.08, y: -0.06 }, this.tracks.people.length > 1 ? String(person.id) : ""));
    dot.addEventListener("click", () => this.chosen(person));
    return dot;
  }

  // All frames of the chosen person, faintly, and its point over those of the others.
  choose(person) {
    const dot = this.dots[this.tracks.people.indexOf(person)];
    if (dot) this.image.append(dot);
    this.drawCloud(person);
  }

  drawCloud(person) {
    const target = cleared(this.cloud);
    if (!target || !person) return;
    const { context, width, height } = target;
    const step = Math.max(1, Math.ceil(person.count / MOST));
    context.fillStyle = colour("accent");
    context.globalAlpha = Math.max(0.06, Math.min(0.3, 60 / (person.count / step)));
    for (let frame = person.first; frame < person.first + person.count; frame += step) {
      const valence = person.value("valence", frame), arousal = person.value("arousal", frame);
      if (Number.isNaN(valence)) continue;
      context.beginPath();
      context.arc(width * (valence + 1.06) / 2.12, height * (1.06 - arousal) / 2.12, 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  show(frame, chosen) {
    this.tracks.people.forEach((person, i) => {
      const valence = person.value("valence", frame), arousal = person.value("arousal", frame);
      const dot = this.dots[i];
      dot.classList.toggle("chosen", person === chosen);
      dot.setAttribute("visibility", Number.isNaN(valence) ? "hidden" : "visible");
      if (!Number.isNaN(valence)) dot.setAttribute("transform", `translate(${valence} ${-arousal})`);
      if (person === chosen) this.describe(valence, arousal);
    });
    this.trail.setAttribute("d", chosen ? this.path(frame, chosen) : "");
  }

  describe(valence, arousal) {
    const text = Number.isNaN(valence) ? "no face" : `valence ${signed(valence)}, arousal ${signed(arousal)}`;
    this.image.setAttribute("aria-label", `plane of valence and arousal: ${text}`);
  }

  path(frame, person) {
    let path = "", drawing = false;
    let start = frame;
    while (start > person.first && this.tracks.times[start] > this.tracks.times[frame] - TRAIL) start--;
    for (let i = start; i <= frame; i++) {
      const valence = person.value("valence", i);
      if (Number.isNaN(valence)) { drawing = false; continue; }
      path += `${drawing ? "L" : "M"}${valence} ${-person.value("arousal", i)}`;
      drawing = true;
    }
    return path;
  }
}
