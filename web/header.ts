// The header stands in index.html, so that it shows before the script is there; this keeps it up to date.
import { effect } from "@preact/signals";
import { address, route } from "./state/route.ts";
import { connection, served } from "./state/server.ts";

/** Marks the view that is shown, and says which model answers. */
export function followHeader(): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("header nav a")];
  const status = document.querySelector<HTMLAnchorElement>("#status")!;
  effect(() => {
    const { view } = route.value;
    const current = links.find((link) => link.getAttribute("href") === address(view));
    for (const link of links) link.removeAttribute("aria-current");
    current?.setAttribute("aria-current", "page");
    document.title = `${current?.textContent} · moco-search`;
  });
  effect(() => {
    const { state } = connection.value;
    const model = served.value;
    status.textContent = model?.name ?? (state === "ready" ? "Ready" : "Connecting …");
    status.title = model ? `Model "${model.name}", generation ${model.generation}` : "";
    status.dataset.state = state;
  });
}
