import { memo } from "react";
import Markdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import type { Reply } from "./conversation.ts";
import { ToolCard } from "./tool-card.tsx";

const components: Components = {
  a: ({ node: _node, ...link }) => <a {...link} target="_blank" rel="noreferrer" />,
  // A table may be wider than the page, which must not scroll sideways.
  table: ({ node: _node, ...table }) => (
    <div className="table">
      <table {...table} />
    </div>
  ),
};

const ReplyText = memo(function ReplyText({ text }: { text: string }) {
  return (
    <div className="reply-text">
      <Markdown remarkPlugins={[remarkGfm]} components={components}>
        {text}
      </Markdown>
    </div>
  );
});

export function ReplyView({ reply: { text, tools, stopped } }: { reply: Reply }) {
  return (
    <article className="reply" aria-label="Assistant">
      {text && <ReplyText text={text} />}
      {tools.map(({ key, ...tool }) => (
        <ToolCard key={key} {...tool} />
      ))}
      {stopped && <p className="stopped">Stopped</p>}
    </article>
  );
}
