// Replay with the recorded values, stretches to drop, and the verdict.

import { get, post } from "../api.js";
import { drawChart } from "../chart.js";
import { FrameClock } from "../shared/clock.js";
import { button, h, percent, replace, seconds, t, toast } from "../dom.js";
import { Control } from "../devices.js";
import { indexAt } from "../shared/search.js";
import { createScale } from "../slider.js";

export async function reviewView(app, name) {
  return new Review(app, await get(`api/takes/${name}`)).view();
}

class Review {
  constructor(app, take) {
    Object.assign(this, { app, take });
    this.control = new Control(take.values.length, take.mode === "bounded");
    this.scale = createScale(take.dimension, this.control);
    this.video = h("video", { src: `media/${take.video}`, preload: "auto", controls: true, "data-focus": true });
    this.video.addEventListener("error", () => toast(t("error.playback")));
    this.clock = new FrameClock(this.video);
    this.chart = h("canvas", { class: "chart tall", role: "img", "aria-label": t("review.chart"), onclick: (event) => { this.video.currentTime = this.chart.timeAt(event.clientX); } });
    this.drops = h("ul", { class: "list" });
    this.from = null;
    this.dropStart = button("review.drop_start", () => this.mark(), { name: "drop" });
    this.build();
    this.keys = (event) => {
      if (event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.toLowerCase() === "d" && !app.config.read_only) this.mark();
      if (event.key === " " && event.target === document.body) { event.preventDefault(); this.play(); }
    };
    window.addEventListener("keydown", this.keys);
    this.running = true;
    const tick = () => { if (this.running) { this.show(); requestAnimationFrame(tick); } };
    requestAnimationFrame(tick);
  }

  build() {
    const { take, app } = this;
    const writable = !app.config.read_only;
    this.element = h("section", { class: "card" },
      h("div", { class: "row wrap" },
        h("h1", { class: "grow" }, t("review.title", { name: take.name })),
        h("span", { class: "muted" }, `${take.annotator} · ${t("videos.take", { person: take.person_label, dimension: t(`dimension.${take.dimension}`), share: percent(take.covered) })}`),
        h("span", { class: `badge ${take.state === "accepted" ? "good" : ""}` }, t(`state.${take.state}`))),
      h("div", { class: "stage" }, h("div", { class: "grow screen" }, this.video), this.scale.element),
      this.chart,
      h("div", { class: "row wrap" },
        button("review.play", () => this.play(), { name: "play" }),
        writable && this.dropStart,
        h("span", { class: "grow" }),
        writable && take.own && take.state !== "replaced" && button("review.stretch", () => this.again(), { name: "stretch" }),
        writable && take.state !== "replaced" && button("review.redo", () => this.judge("redo"), { name: "redo" }),
        writable && take.state !== "replaced" && button("review.accept", () => this.judge("accept"), { class: "primary", name: "accept" })),
      h("div", { class: "columns" },
        h("section", {}, h("h2", {}, t("quality.title")), quality(take)),
        h("section", {}, h("h2", {}, t("review.drops")), h("p", { class: "muted" }, t("review.drops_help")), this.drops)));
    this.listDrops();
  }

  play() {
    if (this.video.paused) this.video.play(); else this.video.pause();
  }

  // First press: start of a stretch; second press: its end.
  async mark() {
    const now = this.clock.time();
    if (this.from === null) {
      this.from = now;
      replace(this.dropStart, t("review.drop_end"));
      return;
    }
    const [start, stop] = [Math.min(this.from, now), Math.max(this.from, now)];
    this.from = null;
    replace(this.dropStart, t("review.drop_start"));
    await this.change({ start, stop });
  }

  async change(content) {
    try {
      this.take.drops = (await post(`api/takes/${this.take.take}/drops`, content)).drops;
      this.listDrops();
    } catch (error) { toast(error.message); }
  }

  listDrops() {
    const items = this.take.drops.map((drop) => h("li", { class: "row" },
      h("span", { class: "grow" }, `${seconds(drop.start)} – ${seconds(drop.stop)}`),
      !this.app.config.read_only && button("review.undrop", () => this.change({ remove: drop.id }), { class: "plain", "aria-label": t("review.undrop_stretch", { start: seconds(drop.start) }) })));
    replace(this.drops, items.length ? items : h("li", { class: "muted" }, t("review.no_drops")));
  }

  // Opens the take again at the place that is shown.
  async again() {
    try {
      await post(`api/takes/${this.take.take}/reopen`);
      this.app.go("annotate", this.take.video, this.take.person, this.take.dimension, this.clock.time().toFixed(3));
    } catch (error) { toast(error.message); }
  }

  async judge(verdict) {
    try {
      await post(`api/takes/${this.take.take}/verdict`, { verdict });
      if (verdict === "redo" && this.take.own) this.app.go("annotate", this.take.video, this.take.person, this.take.dimension);
      else this.app.go("videos");
    } catch (error) { toast(error.message); }
  }

  show() {
    const { take } = this;
    const now = this.clock.time();
    const index = indexAt(take.times, now);
    take.values.forEach((values, i) => { this.control.values[i] = index < 0 ? 0 : values[index]; });
    this.scale.show();
    const series = take.values.map((values) => ({ times: take.times, values }));
    drawChart(this.chart, {
      series, from: 0, to: take.duration, bounded: take.mode === "bounded", playhead: now,
      drops: take.drops.map((drop) => [drop.start, drop.stop]), gaps: take.quality?.gaps ?? [],
      events: take.events.filter((event) => event.kind === "mark").map((event) => event.video_time),
      selection: this.from === null ? null : [Math.min(this.from, now), Math.max(this.from, now)],
    });
  }

  view() {
    return {
      element: this.element, title: this.take.name, leave: () => {
        this.running = false;
        this.clock.stop();
        this.video.pause();
        window.removeEventListener("keydown", this.keys);
      },
    };
  }
}

export function quality(take) {
  const found = take.quality;
  if (!found) return h("p", { class: "muted" }, t("quality.open"));
  const stretches = (list) => (list.length ? list.slice(0, 8).map(([a, b]) => `${seconds(a)}–${seconds(b)}`).join(", ") + (list.length > 8 ? " …" : "") : t("quality.none"));
  const row = (key, text, bad) => h("tr", {}, h("th", { scope: "row" }, t(key)), h("td", { class: bad ? "bad" : "" }, bad ? `⚠ ${text}` : text));
  return h("table", { class: "facts" }, h("tbody", {},
    row("quality.covered", percent(found.covered), found.covered < 0.95),
    row("quality.late_start", t("quality.seconds", { n: found.late_start.toFixed(1) }), found.late_start > 0.5),
    row("quality.early_end", t("quality.seconds", { n: found.early_end.toFixed(1) }), found.early_end > 0.5),
    row("quality.gaps", stretches(found.gaps), found.gaps.length > 0),
    row("quality.constant", stretches(found.constant), found.constant.length > 0),
    row("quality.dropped", t("quality.of", { n: found.dropped, total: found.presented }), found.dropped_share > 0.02),
    row("quality.rate", t("quality.per_second", { n: found.rate, samples: found.samples }), found.samples > 0 && found.rate < 20),
    row("quality.range", found.least.map((low, i) => `${low.toFixed(2)} … ${found.greatest[i].toFixed(2)}`).join(" · ") || t("quality.none"), false)));
}
