// Boxes of faces over a video or a picture that has none drawn.

import { svg } from "./svg.js";

export class Boxes {
  constructor(tracks, choose) {
    this.tracks = tracks;
    this.element = svg("svg", { class: "boxes", "aria-hidden": "true" });
    this.boxes = tracks.people.map((person) => {
      const box = svg("rect", {});
      box.addEventListener("click", (event) => { event.stopPropagation(); choose(person); });
      this.element.append(box);
      return box;
    });
  }

  show(frame, chosen, size) {
    if (!size?.[0]) return;
    this.element.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    this.tracks.people.forEach((person, i) => {
      const place = person.box(frame), box = this.boxes[i];
      box.setAttribute("visibility", place ? "visible" : "hidden");
      box.setAttribute("class", person === chosen ? "chosen" : "");
      ["x", "y", "width", "height"].forEach((name, k) => { if (place) box.setAttribute(name, place[k]); });
    });
  }
}
