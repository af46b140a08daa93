import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const SERVICES = ["catalog", "scheduler", "dispatcher", "stats"];

/** What the door does in front of the built page; `eval "$(./mailings env)"` gives the addresses. */
function addresses() {
  const proxy: Record<string, object> = {};
  for (const name of SERVICES) {
    const target = process.env[`${name.toUpperCase()}_URL`];
    if (!target) continue;
    const rewrite = (path: string) => path.replace(`/api/${name}`, "");
    proxy[`/api/${name}`] = { target, changeOrigin: true, rewrite };
    if (name === "stats") proxy["/public/v1"] = { target, changeOrigin: true };
  }
  return proxy;
}

// What both entries load first, in one file: that is smaller than the pieces they would share by turns.
const BASE = new RegExp(
  "node_modules/(react|react-dom|scheduler|i18next|react-i18next)/|/src/(api/problem|words/(ui|live|index)\\b|" +
    "ui/(format|StatusBadge|Time|Switches|preferences|useDuration|ProblemPanel|useProblemText)\\b)",
);

export default defineConfig({
  plugins: [react()],
  publicDir: "static",
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the door's policy allows no data: but images
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { public: "public.html", admin: "admin.html" },
      output: { codeSplitting: { groups: [{ name: "base", test: BASE }] } },
    },
  },
  server: { proxy: addresses() },
});
