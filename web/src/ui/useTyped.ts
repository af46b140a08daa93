import { useState } from "react";

/** What is typed into filters: at first what the address asks for, and again whenever that becomes another. */
export function useTyped<T>(asked: T): [T, (typed: T) => void] {
  const [typed, setTyped] = useState(asked);
  const [seen, setSeen] = useState(asked);
  if (JSON.stringify(asked) !== JSON.stringify(seen)) {
    setSeen(asked);
    setTyped(asked);
  }
  return [typed, setTyped];
}
