import type { Trouble } from "./trouble.ts";

/** An error in a sentence, and the way on. */
export function TroubleNote({ trouble, onRetry }: { trouble: Trouble; onRetry(): void }) {
  return (
    <div className="trouble" role="alert">
      <p>
        {trouble.sentence}
        {trouble.detail && <small>{trouble.detail}</small>}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
