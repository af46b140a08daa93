/** Long text as it is, which scrolls in its place, with the keyboard too. */
export function Scrolled({ label, className = "answer", children }: { label: string; className?: string; children: string }) {
  return (
    <pre className={className} role="region" tabIndex={0} aria-label={label}>
      {children}
    </pre>
  );
}
