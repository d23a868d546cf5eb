import { defineConfig } from "vitest/config";

/** What takes longer than `npm test` should: `npm run test:cells` has it, too, and `npm run test:python`. */
const slow = [
  "tests/conformance/{beside-sdk,every-route,frames,own-routes,streams,studio,studio-talk}.test.ts",
  "tests/flows/{after-step,clients,socket,step-moments}.test.ts",
  "tests/flows/content{,-around}.test.ts",
  "tests/flows/deaths.test.ts",
  "tests/flows/faults{,-before-run,-for-good}.test.ts",
  "tests/flows/{memory,own-ways,rarer-shapes,restarts}.test.ts",
  "tests/flows/rollback-deaths.test.ts",
  "tests/flows/rolling-restart.test.ts",
  "tests/flows/scope.test.ts",
  "tests/flows/stepwise-*.test.ts",
  "tests/flows/tool-moments.test.ts",
  "tests/flows/uninvited.test.ts",
  "tests/web/{stop-ways,trouble}.test.ts",
];
/** `npm run test:python` has longer storms of its own. */
const stormElsewhere = process.env.PYTHON_LANGGRAPH ? ["tests/flows/storm.test.ts"] : [];
const left = process.env.ALL_CELLS || process.env.PYTHON_LANGGRAPH ? stormElsewhere : slow;

/** The clients, unchanged: `npm run test:clients` has those that are pages, in a browser, too. */
const clients = process.env.ALL_CLIENTS ? ["tests/clients/**/*.test.ts"] : ["tests/clients/node.test.ts"];
/** Python's clients come with the Python server. */
const notHere = process.env.PYTHON_LANGGRAPH ? [] : ["tests/clients/python.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["tests/unit/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "flows",
          sequence: { groupOrder: 1 },
          include: ["tests/flows/**/*.test.ts", "tests/conformance/**/*.test.ts"],
          exclude: left,
          globalSetup: ["tests/helpers/flows-setup.ts"],
          fileParallelism: false,
          maxConcurrency: 16,
          expect: { poll: { timeout: 20_000 } },
          // The Python server takes its time when 16 tests go at it at once.
          testTimeout: process.env.PYTHON_LANGGRAPH ? 60_000 : 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "web",
          sequence: { groupOrder: 2 },
          include: ["tests/web/**/*.test.ts"],
          exclude: left,
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
