import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The page is served at `/`, its files under a path that no LangGraph server uses. */
export default defineConfig({
  base: "/-/web/",
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 1000 },
});
