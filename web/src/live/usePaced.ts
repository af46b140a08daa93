import { useEffect, useState } from "react";

import { Pace } from "./pace";

const EVERY_MS = 2_000;

/** Returns a number that grows while `changed` does, every two seconds at most, and `again`, by which it grows at once. */
export function usePaced(changed: unknown): { turn: number; again: () => void } {
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);
  const [pace] = useState(() => new Pace(() => setTurn((n) => n + 1), EVERY_MS));
  useEffect(() => pace.ask(), [pace, changed]); // what does not change any more is not asked for again
  useEffect(() => () => pace.end(), [pace]);
  return { turn, again };
}
