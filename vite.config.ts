// Builds the page: web/ → dist/web, with hashed names, so that browsers may keep every file but index.html for good.
import { defineConfig } from "vite";

export default defineConfig({
  root: "web",
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    assetsDir: "web",
    // An inlined file would be loaded again with every page that names it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
  // `npx vite` serves the sources beside a running server.
  server: { proxy: Object.fromEntries(["/v1", "/readyz"].map((path) => [path, "http://127.0.0.1:3000"])) },
});
