import { freePort } from "../scripts/free-port.ts";
import { graphs } from "../tests/helpers/flows-setup.ts";
import { startDevServer, startPythonServer } from "../tests/helpers/processes.ts";
import { startStrictModel } from "../tests/helpers/strict-model.ts";

/** The real dev server, the Python one if `PYTHON_LANGGRAPH` names its command, with a scripted model behind it. */
export async function startServer(workers: number) {
  const model = await startStrictModel(await freePort());
  const env = { OPENAI_BASE_URL: model.url };
  const python = process.env.PYTHON_LANGGRAPH;
  const { react = "", pipeline = "" } = graphs;
  const server = python
    ? await startPythonServer(python, env, {}, workers)
    : await startDevServer({ react, pipeline }, env, {}, workers);
  const close = async () => {
    await server.close();
    await model.close();
  };
  return { server, model, close };
}
