/** The turn waits for somebody's word. */
export function WaitingNote({ onDismiss }: { onDismiss(): void }) {
  return (
    <div className="waiting" role="status">
      <p>
        This turn waits for an approval.
        <small>Dismissed, what it asks for is never started, and you can go on.</small>
      </p>
      <button type="button" className="button" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
