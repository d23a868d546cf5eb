import type { Listening } from "../proxy/listen.ts";
import type { ChosenModel } from "./choose-model.ts";
import type { DevServer } from "./dev-server.ts";

/** What stands on the screen when everything runs. */
export function announcement(running: {
  proxy: Pick<Listening, "url">;
  server: Pick<DevServer, "url">;
  /** Where the server's output goes. */
  log: string;
  model: Pick<ChosenModel, "description">;
}): string {
  // An address that stands for all of the machine's is none that a browser could open.
  const url = running.proxy.url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, "//localhost");
  return `
  Fermata is ready.

  Chat              ${url}
  API               ${url}  (the URL for LangGraph clients)
  LangGraph server  ${running.server.url}  (its output: ${running.log})
  Studio            https://smith.langchain.com/studio?baseUrl=${url}
  Model             ${running.model.description.join(`\n${" ".repeat(20)}`)}

  Ctrl-C ends everything.
`;
}
