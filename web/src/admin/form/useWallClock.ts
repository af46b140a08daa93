import { useEffect, useState } from "react";

/** Returns what the time is, at most `staleMs` ago. */
export function useWallClock(staleMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), staleMs);
    return () => clearInterval(timer);
  }, [staleMs]);
  return now;
}
