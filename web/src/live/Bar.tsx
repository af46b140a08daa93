import { useTranslation } from "react-i18next";

import { number, percent } from "../ui/format";
import { language } from "../words";
import { type Counts, type State, STATES } from "./types";

const SHOWN: readonly State[] = STATES.filter((each) => each !== "planned");

/** What became of a mailing's messages, as shares; the same stands beside it in words. */
export function Bar({ mailing }: { mailing: Counts }) {
  const { t } = useTranslation();
  const { delivered } = mailing.by_status;
  const text = t("bar", {
    delivered: number(delivered, language()),
    planned: number(mailing.planned, language()),
    percent: percent(delivered, mailing.planned, language()),
  });
  return (
    <svg
      className="stacked"
      role="progressbar"
      aria-label={t("delivered")}
      aria-valuemin={0}
      aria-valuemax={mailing.planned}
      aria-valuenow={delivered}
      aria-valuetext={text}
      preserveAspectRatio="none"
      viewBox="0 0 1000 10"
    >
      <rect className="fill-waiting" width="1000" height="10" />
      {shares(mailing).map(({ state, from, width }) => (
        <rect key={state} className={`fill-${state}`} x={from} width={width} height="10" />
      ))}
    </svg>
  );
}

function shares(mailing: Counts) {
  let from = 0;
  return SHOWN.map((state) => {
    const share = mailing.planned ? (1000 * mailing.by_status[state]) / mailing.planned : 0;
    const width = share > 0 ? Math.max(share, 3) : 0; // a single failure is to be seen
    const part = { state, from: Math.min(from, 1000 - width), width };
    from += share;
    return part;
  });
}
