import { defineConfig } from "vitest/config";

export default defineConfig({
  // One environment for all files: to make one for each would take longer than all tests.
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}", "*.test.mjs"],
    isolate: false,
    pool: "threads",
  },
});
