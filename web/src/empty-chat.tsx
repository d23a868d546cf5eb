import { FermataSign } from "./fermata-sign.tsx";

const examples = [
  "Tell me a long story about a lighthouse",
  "What is 12 * (3 + 4), and what time is it in Vienna?",
  "Wait 20 seconds, then say done",
];

/** A chat that has not begun. */
export function EmptyChat({ onPick }: { onPick(text: string): void }) {
  return (
    <section className="empty" aria-label="Start">
      <FermataSign />
      <h1>Ask. Stop when you’ve heard enough.</h1>
      <p>Whatever was said by then stays, and you go on from there.</p>
      <ul>
        {examples.map((example) => (
          <li key={example}>
            <button type="button" className="example" onClick={() => onPick(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
