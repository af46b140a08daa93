import { useContext, useState } from "react";
import { useTranslation } from "react-i18next";

import { wallTime } from "../ui/format";
import { language } from "../words";
import { StoreContext, useLive, useNow } from "./hooks";

const OLD_MS = 10_000;
const BEHIND_S = 5;

/** Whether figures move by themselves, and how old they are; and the switch that stops them. */
export function LinkBadge() {
  const { t } = useTranslation();
  const store = useContext(StoreContext);
  const { link, asOf, lagS, receivedAt } = useLive();
  const now = useNow(1_000);
  const [isPaused, setPaused] = useState(false);
  const ageS = receivedAt ? Math.round((now - receivedAt) / 1_000) : 0;
  const isOld = receivedAt > 0 && now - receivedAt > OLD_MS && link !== "paused";
  const isBehind = link === "live" && !isOld && lagS !== null && lagS > BEHIND_S;
  const at = asOf ? wallTime(asOf, language(), "second") : "";
  const kind = isOld ? "reconnecting" : isBehind ? "behind" : link;
  const change = () => {
    store.pause(!isPaused);
    setPaused(!isPaused);
  };
  return (
    <div className="d-flex align-items-center gap-2">
      <span className={`link-badge link-${kind}`} data-link={kind}>
        <span className="link-dot" aria-hidden="true" />
        {t(`link.${kind}`, { seconds: Math.round(isBehind ? lagS : ageS) })}
        {at && <span className="tabular text-body-secondary ms-2">{at}</span>}
      </span>
      <button type="button" className="btn btn-sm btn-link p-1" aria-pressed={isPaused} onClick={change}>
        {t(isPaused ? "link.resume" : "link.pause")}
      </button>
    </div>
  );
}
