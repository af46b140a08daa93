import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { number, rate } from "../../ui/format";
import { stateOfRun, whyOf } from "../../ui/status";
import { Time } from "../../ui/Time";
import { useDuration } from "../../ui/useDuration";
import { language } from "../../words";
import { type Mailing, type Run, why as whyQuery, type Why } from "./api";

const SENDS: ReadonlySet<string> = new Set(["sending", "rate_limited"]);

interface Props {
  mailing: Mailing;
  run: Run;
  isFailing: boolean; // which is said already: that it is being sent would hide it
}

/** One sentence: why a run is where it is, and when that changes by itself. */
export function WhyLine({ mailing, run, isFailing }: Props) {
  const { t, i18n } = useTranslation();
  const found = useQuery(whyQuery(run.run_id));
  if (!found.data) return null;
  const why = found.data;
  const code = whyOf(why.code, mailing);
  const known = code === "ended" ? endOf(run) : `why.${code}`;
  const isSaid = isFailing && SENDS.has(code);
  if (isSaid && why.rate_per_s === null && why.left_s === null) return null;
  return (
    <p className="why border-start border-4 ps-2 mb-3" data-why={code}>
      {!isSaid && <>{i18n.exists(known) ? t(known) : why.sentence} </>}
      {code === why.code && code !== "paused" && <Facts why={why} />}
    </p>
  );
}

/** How a run has ended. */
function endOf(run: Run): string {
  if (stateOfRun(run) === "stopped") return "why.wasStopped";
  return run.planned === 0 ? "why.nobody" : "why.ended";
}

function Facts({ why }: { why: Why }) {
  const { t } = useTranslation();
  const inWords = useDuration();
  return (
    <span className="text-body-secondary">
      {why.until && (
        <>
          {t("whyUntil")} <Time at={why.until} precision="second" />.{" "}
        </>
      )}
      {why.rate_per_s !== null && why.rate_per_s > 0 && (
        <>{t("rate", { rate: rate(why.rate_per_s, language()) })}. </>
      )}
      {why.left_s !== null && <>{t("whyLeft", { duration: inWords(why.left_s) })} </>}
      {why.too_late !== null && why.too_late > 0 && (
        <strong className="text-warning-emphasis">
          {t("whyTooLate", { count: why.too_late, shown: number(why.too_late, language()) })}{" "}
        </strong>
      )}
      {why.behind_s !== null && why.behind_s > 1 && <>{t("whyBehind", { duration: inWords(why.behind_s) })}</>}
    </span>
  );
}
