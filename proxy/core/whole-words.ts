import type { Content } from "./message.ts";

/** No word is longer, but in scripts that put nothing between them. */
const longestWord = 100;

/** Without what may be the rest of a word that began before. */
export const fromWholeWord = (content: Content): Content =>
  onText(content, "first", (text) => {
    const end = text.search(/\s/);
    return end === -1 || end > longestWord ? text : text.slice(end).trimStart();
  });

/** Without what may be the beginning of a word that went on; `end` stands there instead. */
export const toWholeWord = (content: Content, end: string): Content =>
  onText(content, "last", (text) => {
    const start = text.search(/\s\S*$/);
    return (start === -1 || text.length - start > longestWord ? text : text.slice(0, start)).trimEnd() + end;
  });

/** The content with its first or last text changed. */
function onText(content: Content, which: "first" | "last", change: (text: string) => string): Content {
  if (typeof content === "string") return change(content);
  const isText = ({ text }: { text?: unknown }) => typeof text === "string";
  const at = which === "first" ? content.findIndex(isText) : content.findLastIndex(isText);
  return content.map((block, index) => (index === at ? { ...block, text: change(block.text ?? "") } : block));
}
