/** The turn waits for somebody's word. */
export function WaitingNote({ onDismiss }: { onDismiss(): void }) {
  return (
    <div className="waiting" role="status">
      <p>
        This turn waits for an approval.
        <small>Dismissed, it ends here, and you can go on.</small>
      </p>
      <button type="button" className="button" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
