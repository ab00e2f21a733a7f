// Left all videos, right the annotated ones.

import { get, post } from "../api.js";
import { button, h, percent, seconds, select, t, toast } from "../dom.js";

const ENOUGH = 0.98;
const COMPLETE = 0.95;

export async function videosView(app) {
  const { videos } = await get("api/videos");
  const element = app.session.role === "annotator" ? annotatorLists(app, videos) : expertLists(app, videos);
  return { element, title: t("nav.videos") };
}

// Takes of a person that count for a dimension; replaced ones are history.
function tracksOf(video, person, dimension) {
  return video.takes.filter((take) => take.person === person.id && take.state !== "replaced"
    && (take.dimension === dimension || take.dimension === "both" || dimension === "both"));
}

function annotatorLists(app, videos) {
  const { dimension } = app.session.settings;
  const rows = videos.flatMap((video) => video.persons.map((person) => ({
    video, person, take: tracksOf(video, person, dimension).filter((take) => take.dimension === dimension).at(-1) ?? null,
  })));
  const counted = rows.filter((row) => !row.video.practice);
  const done = counted.filter((row) => row.take && row.take.state !== "open").length;
  return h("div", {},
    h("section", { class: "card row wrap" },
      h("h1", { class: "grow" }, t("videos.heading", { dimension: t(`dimension.${dimension}`) })),
      dimensionSelect(app),
      h("label", { class: "progress" }, h("span", {}, t("videos.progress", { done, total: counted.length })),
        h("progress", { max: Math.max(1, counted.length), value: done }))),
    h("div", { class: "columns" },
      h("section", { class: "card scroll", "aria-label": t("videos.all") },
        h("h2", {}, t("videos.all")),
        h("ol", { class: "list" }, videos.map((video) => videoItem(app, video, rows)))),
      h("section", { class: "card scroll", "aria-label": t("videos.annotated") },
        h("h2", {}, t("videos.annotated")),
        h("ul", { class: "list" }, annotatedItems(app, videos)))));
}

function dimensionSelect(app) {
  const { settings } = app.session;
  if (app.config.dimensions.length < 2) return null;
  return h("label", { class: "field inline" }, h("span", {}, t("login.dimension")),
    select(app.config.dimensions.map((d) => [d, t(`dimension.${d}`)]), settings.dimension, async (dimension) => {
      app.session = await post("api/session/settings", { ...settings, dimension });
      app.refresh();
    }));
}

function videoItem(app, video, rows) {
  const watched = video.watched >= ENOUGH || !app.config.first_viewing;
  return h("li", {},
    h("div", { class: "row wrap" },
      h("b", { class: "grow name" }, video.name),
      video.practice && h("span", { class: "badge" }, t("videos.practice")),
      h("span", { class: "muted" }, seconds(video.duration)),
      app.config.first_viewing && h("span", { class: watched ? "badge good" : "badge" },
        watched ? t("videos.watched") : t("videos.watched_part", { share: percent(video.watched) })),
      button(watched ? "videos.watch_again" : "videos.watch", () => app.go("watch", video.video), { class: watched ? "plain" : "primary", "aria-label": t("videos.watch_name", { name: video.name }) })),
    h("div", { class: "persons" },
      rows.filter((row) => row.video === video).map(({ person, take }) => h("div", { class: "row wrap person" },
        h("span", { class: "grow" }, t("videos.person", { label: person.label })),
        take ? h("span", { class: "muted" }, stateText(take)) : null,
        button(take?.state === "open" && take.samples ? "videos.resume" : take && take.state !== "open" ? "videos.review" : "videos.annotate",
          () => (take && take.state !== "open" ? app.go("review", take.take) : app.go("annotate", video.video, person.id)),
          { disabled: !watched, class: take ? "" : watched ? "primary" : "", "aria-label": t("videos.annotate_name", { name: video.name, label: person.label }) }))),
      addPerson(app, video)));
}

function addPerson(app, video) {
  const input = h("input", { maxlength: "60", placeholder: t("videos.person_label"), "aria-label": t("videos.person_label") });
  const form = h("form", {
    class: "row", hidden: true, onsubmit: async (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      try {
        await post("api/persons", { video: video.video, label: input.value });
        app.refresh();
      } catch (error) { toast(error.message); }
    },
  }, input, h("button", { type: "submit" }, t("videos.add")));
  const open = button("videos.add_person", () => { form.hidden = false; open.hidden = true; input.focus(); }, { class: "plain small" });
  return h("div", {}, open, form);
}

function stateText(take) {
  return `${t(`state.${take.state}`)} · ${percent(take.covered)}`;
}

function annotatedItems(app, videos) {
  const items = videos.flatMap((video) => video.takes.filter((take) => take.samples).map((take) => ({ video, take })));
  if (!items.length) return [h("li", { class: "muted" }, t("videos.none"))];
  return items.reverse().map(({ video, take }) => h("li", { class: take.state === "replaced" ? "faded" : "" },
    h("div", { class: "row wrap" },
      h("b", { class: "grow name" }, video.name),
      h("span", { class: `badge ${take.state === "accepted" ? "good" : ""}` }, t(`state.${take.state}`)),
      take.practice && h("span", { class: "badge" }, t("videos.practice"))),
    h("div", { class: "row wrap" },
      h("span", { class: "muted grow" }, t("videos.take", {
        person: take.person_label, dimension: t(`dimension.${take.dimension}`), share: percent(take.covered),
      })),
      take.covered < COMPLETE && take.state !== "open" && h("span", { class: "badge bad" }, t("videos.incomplete")),
      take.state === "open" && button("videos.resume", () => app.go("annotate", video.video, take.person, take.dimension), { class: "primary" }),
      button("videos.replay", () => app.go("review", take.take), { "aria-label": t("videos.replay_name", { name: video.name }) }))));
}

function expertLists(app, videos) {
  const counted = (video, person, dimension) => tracksOf(video, person, dimension)
    .filter((take) => ["finished", "accepted"].includes(take.state) && take.samples).length;
  const takes = videos.flatMap((video) => video.takes.filter((take) => take.samples).map((take) => ({ video, take })));
  return h("div", {},
    h("section", { class: "card" }, h("h1", {}, t("expert.heading")), h("p", { class: "muted" }, t("expert.text"))),
    h("div", { class: "columns" },
      h("section", { class: "card scroll" }, h("h2", {}, t("videos.all")),
        h("ol", { class: "list" }, videos.map((video) => h("li", {}, h("b", { class: "name" }, video.name),
          h("div", { class: "persons" }, video.persons.map((person) => h("div", { class: "row wrap person" },
            h("span", { class: "grow" }, t("videos.person", { label: person.label })),
            ["valence", "arousal"].map((dimension) => h("button", {
              type: "button", disabled: !counted(video, person, dimension),
              onclick: () => app.go("compare", video.video, person.id, dimension),
            }, t("expert.compare", { dimension: t(`dimension.${dimension}`), n: counted(video, person, dimension) })))))))))),
      h("section", { class: "card scroll" }, h("h2", {}, t("expert.takes")),
        h("ul", { class: "list" }, takes.reverse().map(({ video, take }) => h("li", { class: take.state === "replaced" ? "faded" : "" },
          h("div", { class: "row wrap" }, h("b", { class: "grow name" }, video.name),
            h("span", { class: `badge ${take.state === "accepted" ? "good" : ""}` }, t(`state.${take.state}`))),
          h("div", { class: "row wrap" }, h("span", { class: "muted grow" },
            `${take.annotator}: ${t("videos.take", { person: take.person_label, dimension: t(`dimension.${take.dimension}`), share: percent(take.covered) })}`),
          button("videos.replay", () => app.go("review", take.take), { "aria-label": t("videos.replay_name", { name: video.name }) }))))))));
}
