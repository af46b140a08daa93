import { useTranslation } from "react-i18next";

import { number, percent } from "../ui/format";
import { language } from "../words";
import { done, type Live, type State, STATES } from "./types";

const SHOWN: readonly State[] = STATES.filter((each) => each !== "planned");

/** What became of a mailing's messages, as shares; the same stands beside it in words. */
export function Bar({ mailing }: { mailing: Pick<Live, "planned" | "by_status"> }) {
  const { t } = useTranslation();
  const finished = done(mailing);
  const text = t("bar", {
    done: number(finished, language()),
    planned: number(mailing.planned, language()),
    percent: percent(finished, mailing.planned, language()),
  });
  return (
    <svg
      className="stacked"
      role="progressbar"
      aria-label={t("barLabel")}
      aria-valuemin={0}
      aria-valuemax={mailing.planned}
      aria-valuenow={finished}
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

function shares(mailing: Pick<Live, "planned" | "by_status">) {
  let from = 0;
  return SHOWN.map((state) => {
    const share = mailing.planned ? (1000 * mailing.by_status[state]) / mailing.planned : 0;
    const width = share > 0 ? Math.max(share, 3) : 0; // a single failure is to be seen
    const part = { state, from: Math.min(from, 1000 - width), width };
    from += share;
    return part;
  });
}
