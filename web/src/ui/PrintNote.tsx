import { useEffect, useState } from "react";
import { flushSync } from "react-dom";

import { Time } from "./Time";

/** What stands below a printed screen: where it is, and as of when. */
export function PrintNote() {
  const [note, setNote] = useState(() => ({ at: new Date(), address: location.href }));
  useEffect(() => {
    const renew = () => flushSync(() => setNote({ at: new Date(), address: location.href }));
    window.addEventListener("beforeprint", renew);
    return () => window.removeEventListener("beforeprint", renew);
  }, []);
  return (
    <footer className="container-xl print-only small">
      {note.address} · <Time at={note.at} precision="second" />
    </footer>
  );
}
