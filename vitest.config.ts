import { defineConfig } from "vitest/config";

/** Flows that wait for a server to fail for good, or replace replicas under load: `npm run test:cells` has them, too. */
const slow = ["tests/flows/faults-for-good.test.ts", "tests/flows/rolling-restart.test.ts"];

/** `npm test` has one situation for each client that is a page; `npm run test:clients` has all, and the clients without a page. */
const clients = process.env.ALL_CLIENTS ? ["tests/clients/**/*.test.ts"] : ["tests/clients/browser.test.ts"];
/** Python's clients come with the Python server. */
const notHere = process.env.PYTHON_LANGGRAPH ? [] : ["tests/clients/python.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", sequence: { groupOrder: 0 }, include: ["tests/unit/**/*.test.ts"] } },
      {
        test: {
          name: "flows",
          sequence: { groupOrder: 1 },
          include: ["tests/flows/**/*.test.ts", "tests/conformance/**/*.test.ts"],
          exclude: process.env.ALL_CELLS ? [] : slow,
          globalSetup: ["tests/helpers/flows-setup.ts"],
          fileParallelism: false,
          maxConcurrency: 16,
          expect: { poll: { timeout: 20_000 } },
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "web",
          sequence: { groupOrder: 2 },
          include: ["tests/web/**/*.test.ts"],
          globalSetup: ["tests/helpers/flows-setup.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "clients",
          sequence: { groupOrder: 3 },
          include: clients,
          exclude: notHere,
          globalSetup: ["tests/clients/setup.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "start",
          sequence: { groupOrder: 4 },
          include: ["tests/start/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
});
