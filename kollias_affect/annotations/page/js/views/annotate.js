// The video beside the slider: recording.

import { get, post, randomName } from "../api.js";
import { drawChart } from "../chart.js";
import { button, field, h, replace, seconds, select, t, toast } from "../dom.js";
import { Control, createDevice, DEVICES } from "../devices.js";
import { pads } from "../gamepad.js";
import { Recorder } from "../recorder.js";
import { createScale } from "../slider.js";
import { Trace } from "../trace.js";

const SHOWN = 20;  // seconds of the trace that are drawn
const BACK = 5;

// `at` is the time at which recording starts; by default where the take was left.
export async function annotateView(app, name, personText, wanted, at) {
  const { settings } = app.session;
  const dimension = wanted ?? settings.dimension;
  const { videos } = await get("api/videos");
  const found = videos.find((video) => video.video === name);
  const person = found?.persons.find((one) => one.id === Number(personText));
  if (!person) { app.go("videos"); return { element: h("p"), title: "" }; }
  if (app.config.first_viewing && found.watched < 0.98) { app.go("watch", name); return { element: h("p"), title: "" }; }
  const open = found.takes.find((take) => take.person === person.id && take.dimension === dimension && take.state === "open");
  const take = open ?? await post("api/takes", {
    take: randomName(), video: name, person: person.id, dimension, mode: settings.mode,
  });
  await app.outbox.delivered(take.take);
  const earlier = take.samples ? await get(`api/takes/${take.take}`) : {};
  return new Annotation(app, found, person, earlier, { ...take, resume: at === undefined ? take.resume : Number(at) }).view();
}

class Annotation {
  constructor(app, found, person, earlier, take) {
    Object.assign(this, { app, found, person, take });
    this.kind = app.session.settings.device;
    this.trace = new Trace(earlier);
    this.control = new Control(take.dimension === "both" ? 2 : 1, take.mode === "bounded");
    this.scale = createScale(take.dimension, this.control);
    this.video = h("video", { src: `media/${found.video}`, preload: "auto", disablepictureinpicture: "", tabindex: "-1" });
    this.video.addEventListener("error", () => this.recover());
    this.video.addEventListener("loadedmetadata", () => {
      if (take.resume > 0 && take.resume < this.video.duration - 0.5) this.video.currentTime = take.resume;
    }, { once: true });
    this.recorder = new Recorder({
      video: this.video, control: this.control, outbox: app.outbox, take: take.take,
      segments: take.segments, countdown: app.config.countdown,
    });
    this.build();
    this.listen();
  }

  build() {
    this.overlay = h("div", { class: "overlay", role: "status", "aria-live": "assertive" });
    this.lamp = h("span", { class: "lamp" });
    this.position = h("input", { type: "range", min: 0, max: this.found.duration, step: 0.01, value: "0", "aria-label": t("annotate.position"), onchange: () => this.recorder.seek(Number(this.position.value)), onpointerup: () => this.toggle.focus() });
    this.time = h("span", { class: "time" });
    this.toggle = button("annotate.start", () => this.recorder.toggle(), { class: "primary big", name: "toggle", "data-focus": true });
    this.chart = h("canvas", { class: "chart", "aria-hidden": "true" });
    this.help = h("p", { class: "muted" });
    const stage = h("div", { class: "stage" },
      h("div", { class: "grow screen" }, this.video, this.overlay), this.scale.element);
    this.stage = stage;
    this.deviceSelect = select(DEVICES.map((d) => [d, t(`device.${d}`)]), this.kind, (kind) => { this.use(kind); this.toggle.focus(); }, { name: "device" });
    this.element = h("section", { class: "card annotate" },
      h("div", { class: "row wrap" },
        h("h1", { class: "grow" }, t("annotate.title", { dimension: t(`dimension.${this.take.dimension}`), person: this.person.label })),
        h("span", { class: "muted name" }, this.found.name), this.lamp),
      stage,
      h("div", { class: "row wrap" }, this.toggle,
        button("annotate.back", () => this.recorder.seek(this.recorder.clock.time() - BACK), { name: "back" }),
        button("annotate.mark", () => this.recorder.mark(), { name: "mark" }),
        h("label", { class: "grow row" }, this.position), this.time),
      this.chart,
      h("div", { class: "row wrap" }, h("div", { class: "grow" }, this.help), field("login.device", this.deviceSelect),
        button("annotate.finish", () => this.finish(), { name: "finish" })));
    this.use(this.kind);
    this.state("ready");
  }

  // Switches the device; the values and everything recorded stay.
  use(kind) {
    this.kind = kind;
    this.recorder.use(createDevice(kind, this.control, this.scale.pad, this.stage));
    this.help.textContent = `${t(`device.${kind}.help`)} ${t("annotate.keys")}`;
    if (kind === "gamepad" && !pads().length) this.message(t("gamepad.press"));
  }

  listen() {
    const on = (type, handler) => this.recorder.addEventListener(type, handler);
    on("tick", () => this.show());
    on("state", (event) => this.state(event.detail));
    on("count", (event) => this.message(String(event.detail), "count"));
    on("unplugged", () => this.message(t("gamepad.unplugged")));
    on("plugged", () => this.message(t("gamepad.plugged")));
    on("full", () => this.message(t("error.full")));
    on("failed", () => this.message(t("error.playback")));
    on("marked", () => { this.lamp.classList.add("flash"); setTimeout(() => this.lamp.classList.remove("flash"), 250); });
    this.keys = (event) => {
      if (event.target.closest?.("input:not([type=range]), select, textarea, dialog")) return;
      const action = { " ": () => this.recorder.toggle(), m: () => this.recorder.mark(), b: () => this.recorder.seek(this.recorder.clock.time() - BACK) }[event.key.toLowerCase?.()];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (!event.repeat) action();
    };
    // Before buttons get it: the space bar means pause, wherever the focus is.
    window.addEventListener("keydown", this.keys, true);
    this.upKeys = (event) => { if (event.key === " " && !event.target.closest?.("select")) event.preventDefault(); };
    window.addEventListener("keyup", this.upKeys, true);
  }

  // The server may have stopped while the video was loading: the page waits and continues there.
  recover() {
    if (this.video.error?.code !== MediaError.MEDIA_ERR_NETWORK && !this.app.outbox.failures) {
      this.message(t("error.playback"));
      return;
    }
    const time = this.recorder.clock.time();
    this.recorder.pause("network");
    this.message(t("error.unreachable"));
    setTimeout(() => {
      if (this.left) return;
      this.video.addEventListener("loadedmetadata", () => {
        this.video.currentTime = time;
        this.message(t("annotate.paused"));
      }, { once: true });
      this.video.load();
    }, 1500);
  }

  message(text, className = "") {
    this.overlay.className = `overlay shown ${className}`;
    this.overlay.textContent = text;
  }

  state(state) {
    this.element.dataset.state = state;
    replace(this.toggle, t({ ready: this.take.samples ? "annotate.resume" : "annotate.start", countdown: "annotate.cancel", recording: "annotate.pause", paused: "annotate.resume", ended: "annotate.ended" }[state]));
    this.toggle.disabled = state === "ended";
    this.lamp.textContent = t(`annotate.state.${state}`);
    if (state === "recording") {
      this.trace.begin();
      this.overlay.className = "overlay";
      this.overlay.textContent = "";
    }
    if (state === "paused" && !this.overlay.textContent.match(/\D/)) this.message(t("annotate.paused"));
    if (state === "ready") this.message(t("annotate.ready"));
    if (state === "ended") this.finish();
  }

  show() {
    const now = this.recorder.clock.time();
    this.scale.show();
    if (this.recorder.state === "recording") this.trace.add(now, this.control.values);
    if (document.activeElement !== this.position) this.position.value = now;
    this.time.textContent = `${seconds(now)} / ${seconds(this.found.duration)}`;
    if ((this.drawn = !this.drawn)) return;  // every second frame is enough for the picture
    const from = Math.max(0, now - SHOWN), to = from + Math.min(SHOWN, Math.max(2, this.found.duration));
    const series = this.trace.between(from, to, this.control.values.length);
    drawChart(this.chart, { series, from, to, bounded: this.control.bounded, playhead: now });
  }

  async finish() {
    this.recorder.pause("finish");
    this.message(t("annotate.saving"));
    await this.app.outbox.delivered(this.take.take);
    try {
      await post(`api/takes/${this.take.take}/finish`);
      this.app.go("review", this.take.take);
    } catch (error) {
      this.message(error.message);
      setTimeout(() => { if (!this.left) this.finish(); }, 1500);
    }
  }

  view() {
    return {
      element: this.element, title: this.found.name, leave: () => {
        this.left = true;
        this.recorder.stop();
        window.removeEventListener("keydown", this.keys, true);
        window.removeEventListener("keyup", this.upKeys, true);
      },
    };
  }
}
