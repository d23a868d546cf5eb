import type { Client } from "@langchain/langgraph-sdk";
import { FermataSign } from "./fermata-sign.tsx";
import { PlusIcon } from "./icons.tsx";
import type { Place } from "./place.ts";
import { useAssistants } from "./use-assistants.ts";

interface TopBarProps {
  client: Client;
  place: Place;
  onAssistant(assistantId: string): void;
  onNewChat(): void;
}

export function TopBar({ client, place, onAssistant, onNewChat }: TopBarProps) {
  const assistants = useAssistants(client, place.assistantId);
  const hasBegun = place.threadId !== null;
  return (
    <header className="top-bar">
      <span className="brand">
        <FermataSign />
        <span>Fermata</span>
      </span>
      <select
        aria-label="Assistant"
        value={place.assistantId}
        disabled={hasBegun}
        title={hasBegun ? "A conversation stays with its assistant" : undefined}
        onChange={(event) => onAssistant(event.target.value)}
      >
        {assistants.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <button type="button" className="button button-quiet button-icon" onClick={onNewChat}>
        <PlusIcon />
        <span>New chat</span>
      </button>
    </header>
  );
}
