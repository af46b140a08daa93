/** The last rates of a mailing as a line; the rate stands beside it as a number. */
export function Sparkline({ rates }: { rates: readonly number[] }) {
  if (rates.length < 3) return null;
  const most = Math.max(...rates, 1);
  const step = 100 / (rates.length - 1);
  const points = rates.map((rate, place) => `${place * step},${19 - (18 * rate) / most}`);
  return (
    <svg className="sparkline" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
