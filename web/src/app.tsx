import { useMemo, useState } from "react";
import { createChatClient } from "./chat-client.ts";
import { ChatView } from "./chat-view.tsx";
import { usePlace } from "./place.ts";
import { TopBar } from "./top-bar.tsx";

export function App() {
  const chatClient = useMemo(() => createChatClient(window.location.origin), []);
  const { place, move, amend } = usePlace();
  const [visit, setVisit] = useState({ count: 0, draft: "" });
  return (
    <>
      <TopBar
        client={chatClient.client}
        place={place}
        onAssistant={(assistantId) => amend({ assistantId })}
        onNewChat={() => move({ ...place, threadId: null })}
      />
      <ChatView
        key={visit.count}
        draft={visit.draft}
        {...chatClient}
        place={place}
        onThreadId={(threadId) => amend({ threadId })}
        reopen={(draft = "") => setVisit(({ count }) => ({ count: count + 1, draft }))}
      />
    </>
  );
}
