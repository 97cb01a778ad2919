import { defineConfig } from "vite";

// The page is served below a token, so every address in it is relative.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/insonate/console/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    sourcemap: false,
    target: "es2022",
  },
});
