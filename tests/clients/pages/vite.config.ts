import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { emptyOutDir: true, chunkSizeWarningLimit: 3000 },
});
