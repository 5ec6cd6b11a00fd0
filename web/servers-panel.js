// The servers that share the storage: which of them answer, and which one runs swaps. A server alone shows nothing.
import { el } from "./dom.js";

/** Milliseconds between two looks while the panel is on the page. */
const LOOK = 2000;

export function serversPanel(api) {
  const rows = el("tbody");
  const headings = ["Server", "State", "Generations open"].map((name) => el("th", { scope: "col" }, name));
  const element = el(
    "section",
    { class: "panel servers", "aria-label": "Servers", hidden: true },
    el("h2", {}, "Servers"),
    el("table", {}, el("thead", {}, el("tr", {}, ...headings)), rows),
  );
  let watching = false;

  const row = ({ url, ready, leads, heardAt, generations }) => {
    const since = new Date(heardAt).toLocaleTimeString();
    const state = ready ? "Answers" : `Does not answer; last heard of at ${since}`;
    return el(
      "tr",
      { "data-state": ready ? "ready" : "down" },
      el("th", { scope: "row" }, url),
      el("td", {}, state, leads && el("span", { class: "badge" }, "Runs swaps")),
      el("td", {}, generations.join(", ")),
    );
  };

  return {
    element,
    /** Keeps the panel up to date as long as it is on the page. */
    async watch() {
      if (watching) return;
      watching = true;
      while (element.isConnected) {
        try {
          const { servers } = await api.get("/v1/servers");
          element.hidden = servers.length < 2;
          rows.replaceChildren(...servers.map(row));
        } catch (error) {
          if (error.status === 401 || error.status === 403) break; // it would ask for a key again and again
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK));
      }
      watching = false;
    },
  };
}
