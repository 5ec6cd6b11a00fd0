// Pages with nothing to do: what this browser on this machine takes at least for what the real page does.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const PAGES: Readonly<Record<string, string>> = {
  /** A heading. */
  "/heading": "<main><h1>Nothing</h1></main>",
  /** As many boxes as there are images, as high and wide as those of the grid. */
  "/boxes": `<style>
      body { margin: 0 }
      main { display: flex; flex-wrap: wrap; gap: 38px 10px }
      .tile { width: 160px; height: 150px; background: #89a; content-visibility: auto }
    </style><main></main><script>
      const number = Number(location.search.slice(1));
      document.querySelector("main").innerHTML = '<div class="tile"></div>'.repeat(number);
    </script>`,
  /** A canvas as large as the map that is filled whenever it is moved. */
  "/canvas": `<style>
      body { margin: 0 }
      .map-stage { display: block; width: 1190px; height: 610px; margin: 200px 45px }
    </style><canvas class="map-stage" width="1190" height="610"></canvas><script>
      const canvas = document.querySelector("canvas");
      const context = canvas.getContext("2d");
      let moves = 0;
      let isDue = false;
      const draw = () => {
        isDue = false;
        context.fillStyle = ++moves % 2 ? "#889" : "#898";
        context.fillRect(0, 0, canvas.width, canvas.height);
      };
      for (const type of ["wheel", "pointermove"]) {
        canvas.addEventListener(type, (event) => {
          event.preventDefault();
          if (!isDue) requestAnimationFrame(draw);
          isDue = true;
        }, { passive: false });
      }
      draw();
    </script>`,
};

/** Serves the pages. */
export async function serveFloors(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(({ url = "" }, response) => {
    const page = PAGES[url.replace(/\?.*/, "")];
    response.writeHead(page ? 200 : 404, { "Content-Type": "text/html" });
    response.end(page && `<!doctype html><html lang="en"><head><title>floor</title></head><body>${page}</body></html>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
