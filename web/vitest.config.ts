import { defineConfig } from "vitest/config";

// Only a test that hangs takes so long, however busy the machine is.
const HANGS_MS = 120_000;

export default defineConfig({
  // One environment for all files: to make one for each would take longer than all tests.
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}", "*.test.mjs"],
    isolate: false,
    pool: "threads",
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
});
