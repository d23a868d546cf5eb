import type { Assistant, Client } from "@langchain/langgraph-sdk";
import { useEffect, useState } from "react";

export interface Choice {
  id: string;
  name: string;
}

/** The assistants that the server offers, the chosen one always among them. */
export function useAssistants(client: Client, chosen: string): Choice[] {
  const [offered, setOffered] = useState<Choice[]>([]);
  useEffect(() => {
    let left = false;
    client.assistants.search({ limit: 100 }).then(
      (assistants) => {
        if (!left) setOffered(assistants.map(choiceOf).sort((a, b) => a.name.localeCompare(b.name)));
      },
      // Without the list there is still the one chosen; that the server is away is told where it matters.
      () => undefined,
    );
    return () => {
      left = true;
    };
  }, [client]);
  return offered.some(({ id }) => id === chosen) ? offered : [{ id: chosen, name: labelOf(chosen) }, ...offered];
}

/** A graph's own assistant goes by the graph's name, which reads well in the address. */
function choiceOf({ assistant_id, graph_id, name }: Assistant): Choice {
  return name === graph_id ? { id: graph_id, name: labelOf(graph_id) } : { id: assistant_id, name };
}

/** `deep_agent` as `Deep agent`. */
function labelOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
