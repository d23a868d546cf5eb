import { argsLine, type ToolRow, type ToolState } from "./tool-row.ts";

const labels: Record<ToolState, string> = {
  running: "Running",
  finished: "Finished",
  failed: "Failed",
  cut: "Cut off",
  "never-started": "Never started",
  unanswered: "No answer",
};

/** One tool call on one line; opened, it shows the arguments and what came back. */
export function ToolCard({ name, args, state, result }: Omit<ToolRow, "key">) {
  return (
    <details className="tool" data-state={state}>
      <summary>
        <span className="tool-dot" aria-hidden="true" />
        <code className="tool-name">{name}</code>
        <span className="tool-args">{argsLine(args)}</span>
        <span className="tool-state">{labels[state]}</span>
      </summary>
      <dl>
        <dt>Arguments</dt>
        <dd>
          <pre>{JSON.stringify(args, null, 2)}</pre>
        </dd>
        {result && (
          <>
            <dt>{state === "cut" || state === "never-started" ? "What happened" : "Result"}</dt>
            <dd>
              <pre>{result}</pre>
            </dd>
          </>
        )}
      </dl>
    </details>
  );
}
