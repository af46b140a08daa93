import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";

import { LiveStore, type State } from "./store";

/** The one store of this tab. */
export const store = new LiveStore();
export const StoreContext = createContext(store);

export function useLive(): State {
  const live = useContext(StoreContext);
  return useSyncExternalStore(live.subscribe, live.get);
}

/** The time, so that what grows old is seen to. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
