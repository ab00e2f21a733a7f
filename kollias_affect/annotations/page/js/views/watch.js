// The first viewing: the whole video, at its own speed, before anything is recorded.

import { get, post } from "../api.js";
import { button, h, percent, t, toast } from "../dom.js";

export async function watchView(app, name) {
  const { videos } = await get("api/videos");
  const found = videos.find((video) => video.video === name);
  if (!found) { app.go("videos"); return { element: h("p"), title: "" }; }
  const video = h("video", { src: `media/${name}`, controls: true, controlslist: "noplaybackrate nodownload", disablepictureinpicture: "", preload: "auto", "data-focus": true });
  const bar = h("progress", { max: 1, value: found.watched });
  const label = h("span", { role: "status" }, t("watch.progress", { share: percent(found.watched) }));
  const next = button("watch.annotate", () => app.go("annotate", name, found.persons[0].id), { class: "primary", disabled: app.config.first_viewing && found.watched < 0.98 });
  let sent = "";

  // `played` is what the player really showed, whatever was skipped.
  async function report() {
    const ranges = [];
    for (let i = 0; i < video.played.length; i++) ranges.push([video.played.start(i), video.played.end(i)]);
    const text = JSON.stringify(ranges);
    if (!ranges.length || text === sent || app.config.read_only) return;
    try {
      const answer = await post("api/viewings", { video: name, ranges });
      sent = text;
      bar.value = answer.watched;
      label.textContent = t("watch.progress", { share: percent(answer.watched) });
      if (answer.enough) next.disabled = false;
    } catch (error) { toast(error.message); }
  }

  video.addEventListener("ended", report);
  video.addEventListener("pause", report);
  video.addEventListener("ratechange", () => { if (video.playbackRate > 1) video.playbackRate = 1; });
  video.addEventListener("error", () => toast(t("error.playback")));
  const timer = setInterval(report, 2000);
  const element = h("section", { class: "card" },
    h("h1", {}, t("watch.title", { name: found.name })),
    h("p", { class: "muted" }, t("watch.text")),
    video,
    h("div", { class: "row wrap" }, h("label", { class: "progress grow" }, label, bar), next, button("to_videos", () => app.go("videos"))));
  return { element, title: t("watch.title", { name: found.name }), leave: () => { report(); clearInterval(timer); video.pause(); } };
}
