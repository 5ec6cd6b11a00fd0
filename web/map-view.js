// The map: the collection on a plane, similar images close together.
import { button, count, el, notice } from "./dom.js";
import { createMapCanvas } from "./map-canvas.js";
import { emptyCollection } from "./start-screen.js";
import { nameOf, thumbnail } from "./tile.js";

/** A field with more distinct values than this is not offered as colours. */
const MOST_COLOURS = 12;

export function createMapView({ api, go, status }) {
  const message = el("div");
  const summary = el("p", { class: "summary", role: "status" });
  const legend = el("ul", { class: "legend" });
  const field = el("select", { id: "colour-by", onchange: () => colour() });
  const colourBy = el("label", { htmlFor: "colour-by", hidden: true }, "Colour by ", field);
  const preview = el("div", { class: "map-preview", hidden: true });
  const map = createMapCanvas({
    api,
    opened: ({ id }) => go(`#/search?id=${encodeURIComponent(id)}`),
    pointed: showPreview,
  });
  const controls = el(
    "div",
    { class: "map-controls" },
    button("Zoom in", () => map.zoom(1.6), { icon: "+" }),
    button("Zoom out", () => map.zoom(1 / 1.6), { icon: "−" }),
    button("Show the whole map", () => map.reset(), { icon: "⤢" }),
  );
  const stage = el("div", { class: "map-stage", hidden: true }, map.element, preview, controls);
  const element = el(
    "div",
    { class: "map" },
    el("div", { class: "row heading" }, el("div", {}, el("h1", {}, "Map"), summary), colourBy),
    legend,
    message,
    stage,
  );
  let points = [];

  status.onChange(() => element.isConnected && void load());

  async function load() {
    message.replaceChildren();
    stage.setAttribute("aria-busy", "true");
    if (points.length === 0) summary.textContent = "Laying out the collection; the first time takes a few seconds …";
    try {
      const answer = await api.get("/v1/map");
      points = answer.points;
      stage.hidden = points.length === 0;
      summary.textContent = "";
      if (points.length === 0) message.replaceChildren(emptyCollection());
      else {
        const of = answer.stored > points.length ? ` of ${answer.stored.toLocaleString()}` : "";
        summary.textContent = `${points.length.toLocaleString()}${of} ${count(points.length, "image").split(" ").at(-1)} as model ${answer.model.name} sees them. Zoom in, and select one to find similar ones.`;
        offerFields();
        map.show(points);
        colour();
      }
    } catch (error) {
      summary.textContent = "";
      const again = button("Try again", () => load(), { kind: "primary" });
      message.replaceChildren(notice(error.title ?? "The map cannot be drawn", error.message, again));
    } finally {
      stage.removeAttribute("aria-busy");
    }
  }

  /** Offers the fields that can be shown as colours. */
  const offerFields = () => {
    const values = new Map();
    for (const { metadata } of points) {
      for (const [name, value] of Object.entries(metadata)) {
        if (typeof value === "object") continue;
        values.set(name, (values.get(name) ?? new Set()).add(String(value)));
      }
    }
    const usable = [...values].filter(([, set]) => set.size >= 2 && set.size <= MOST_COLOURS).map(([name]) => name);
    const before = field.value;
    field.replaceChildren(
      el("option", { value: "" }, "nothing"),
      ...usable.map((name) => el("option", { value: name }, name)),
    );
    field.value = usable.includes(before) ? before : (usable[0] ?? "");
    colourBy.hidden = usable.length === 0;
  };

  function colour() {
    const name = field.value;
    const values = name ? [...new Set(points.map(({ metadata }) => metadata[name]))].map(String).sort() : [];
    map.colour((point) => (name ? values.indexOf(String(point.metadata[name])) : -1));
    legend.replaceChildren(
      ...values.map((value, i) => el("li", {}, el("span", { class: `swatch colour-${i}` }), value)),
    );
  }

  function showPreview(point, x, y) {
    preview.hidden = !point;
    if (!point) return;
    if (preview.dataset.id !== point.id) {
      preview.dataset.id = point.id;
      preview.replaceChildren(thumbnail(api, point, 256), el("span", {}, nameOf(point.metadata)));
    }
    const { clientWidth, clientHeight } = stage;
    preview.style.left = `${Math.min(x + 18, clientWidth - 170)}px`;
    preview.style.top = `${Math.max(8, Math.min(y - 80, clientHeight - 200))}px`;
  }

  return { element, show: () => void load(), hide: () => showPreview(undefined) };
}
