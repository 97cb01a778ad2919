import { defineConfig } from "vite";

// One module for notebooks: anywidget loads it from Python, so it may import nothing.
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../src/insonate/console/page",
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: "src/widget.ts", formats: ["es"], fileName: () => "widget.js" },
    rollupOptions: { output: { codeSplitting: false } },
    chunkSizeWarningLimit: 4000,
  },
});
