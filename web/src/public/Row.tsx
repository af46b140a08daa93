import { lazy, memo, Suspense, useContext, useState } from "react";
import { useTranslation } from "react-i18next";

import { Bar } from "../live/Bar";
import { StoreContext } from "../live/hooks";
import { Sparkline } from "../live/Sparkline";
import { counted, type Counts, type Live, STATES } from "../live/types";
import { number, percent, rate, secondsUntil, wallTime } from "../ui/format";
import { statusOfLive } from "../ui/status";
import { StatusBadge } from "../ui/StatusBadge";
import { Time } from "../ui/Time";
import { useDuration } from "../ui/useDuration";
import { language } from "../words";

const Details = lazy(() => import("./Details"));

/** A mailing in the list; it opens in place. */
export const Row = memo(function Row({ mailing }: { mailing: Live }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const counts = counted(mailing);
  const name = mailing.name ?? t("unnamed", { id: mailing.mailing_id.slice(0, 8) });
  const id = `details-${mailing.mailing_id}`;
  return (
    <li className="mailing" data-mailing={mailing.mailing_id}>
      <h2 className="mailing-name">
        <button
          type="button"
          className="btn btn-link p-0 text-start text-decoration-none"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          <span className={`chevron${isOpen ? " open" : ""}`} aria-hidden="true">
            ▸
          </span>{" "}
          {name}
        </button>
      </h2>
      <div className="mailing-status">
        <StatusBadge status={statusOfLive(mailing)} />
      </div>
      {counts.planned > 0 && <Progress counts={counts} />}
      <div className="mailing-more text-body-secondary tabular">
        <Facts mailing={mailing} counts={counts.by_status} />
      </div>
      <Warning mailing={mailing} />
      <div id={id} className="mailing-details" hidden={!isOpen}>
        {isOpen && (
          <Suspense fallback={<p role="status">{t("loading")}</p>}>
            <Details mailing={mailing} />
          </Suspense>
        )}
      </div>
    </li>
  );
});

function Progress({ counts }: { counts: Counts }) {
  const { t } = useTranslation();
  const { delivered } = counts.by_status;
  return (
    <>
      <div className="mailing-bar">
        <Bar mailing={counts} />
      </div>
      <div className="mailing-figures tabular">
        <span className="figures-done">
          {t("figures", { delivered: number(delivered, language()), planned: number(counts.planned, language()) })}
        </span>{" "}
        <strong>{t("progress", { percent: percent(delivered, counts.planned, language()) })}</strong>
      </div>
    </>
  );
}

/** When, how fast and how long yet; and what became of messages, which is the legend of its bar. */
function Facts({ mailing, counts }: { mailing: Live; counts: Counts["by_status"] }) {
  const { t } = useTranslation();
  const store = useContext(StoreContext);
  const inWords = useDuration();
  const left = mailing.done_at ? secondsUntil(mailing.done_at) : null;
  return (
    <>
      {mailing.starts_at && mailing.ends_at && (
        <span>
          <Time at={mailing.starts_at} /> – <Time at={mailing.ends_at} />
        </span>
      )}
      {mailing.is_recurring && (
        <span data-next={mailing.next_at}>
          ↻ {t(mailing.next_at ? "next" : "recurs")} {mailing.next_at && <Time at={mailing.next_at} />}
        </span>
      )}
      {mailing.rate_per_s !== null && mailing.status === "running" && (
        <span className="text-body">
          {t("rate", { rate: rate(mailing.rate_per_s, language()) })}{" "}
          <Sparkline rates={store.history(mailing.mailing_id)} />
        </span>
      )}
      {left !== null && left > 0 && <span>{t("left", { duration: inWords(left) })}</span>}
      {STATES.map(
        (state) =>
          counts[state] > 0 && (
            <span key={state} className="count">
              <span className={`dot dot-${state}`} aria-hidden="true" />
              {number(counts[state], language())} {t(`state.${state}`)}
            </span>
          ),
      )}
    </>
  );
}

function Warning({ mailing }: { mailing: Live }) {
  const { t } = useTranslation();
  if (!mailing.will_expire || mailing.status !== "running" || !mailing.ends_at) return null;
  const end = wallTime(new Date(mailing.ends_at), language());
  return (
    <p className="mailing-warning mb-0">
      <span aria-hidden="true">⚠ </span>
      {t("tooLate", { count: mailing.will_expire, end })}
    </p>
  );
}
