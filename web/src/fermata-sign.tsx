/** The sign that holds a note: an arc over a dot. */
export function FermataSign() {
  return (
    <svg className="sign" viewBox="0 0 32 20" aria-hidden="true">
      <path d="M3 17a13 13 0 0 1 26 0" />
      <circle cx="16" cy="15.5" r="2.6" />
    </svg>
  );
}
