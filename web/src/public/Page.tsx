import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { LinkBadge } from "../live/LinkBadge";
import { store, useLive, useNow } from "../live/hooks";
import { number, rate } from "../ui/format";
import { LanguageSwitch, ThemeSwitch } from "../ui/Switches";
import { language } from "../words";
import { List } from "./List";

const SPOKEN_EVERY_MS = 10_000;

/** The public page: every mailing and its figures. */
export function Page() {
  const { t, i18n } = useTranslation();
  useEffect(() => store.start(), []);
  useEffect(() => {
    document.title = t("heading");
  }, [t, i18n.language]);
  return (
    <>
      <a className="skip-link" href="#content">
        {t("skip")}
      </a>
      <header className="page-head border-bottom bg-body-tertiary">
        <div className="container-xl d-flex align-items-center gap-2 py-2">
          <h1 className="h4 mb-0 me-auto">{t("heading")}</h1>
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </header>
      <main id="content" tabIndex={-1} className="container-xl py-3">
        <div className="d-flex flex-wrap align-items-center justify-content-between gap-2 mb-3">
          <LinkBadge />
          <Totals />
        </div>
        <List />
      </main>
      <footer className="container-xl print-only small">{location.href}</footer>
    </>
  );
}

function Totals() {
  const { totals } = useLive();
  const text = useTotals();
  const spoken = Math.floor(useNow(SPOKEN_EVERY_MS) / SPOKEN_EVERY_MS);
  if (totals === null) return null;
  return (
    <>
      <p className="mb-0 tabular fw-semibold">{text}</p>
      <p className="visually-hidden" aria-live="polite" key={spoken}>
        {text}
      </p>
    </>
  );
}

function useTotals(): string {
  const { t } = useTranslation();
  const { totals } = useLive();
  if (totals === null) return "";
  const { running, paused = 0, delivered } = totals;
  return [
    t("totals", { count: running }),
    running > 0 && t("rate", { rate: rate(totals.rate_per_s, language()) }),
    paused > 0 && t("totalPaused", { number: number(paused, language()) }),
    t("totalDelivered", { count: delivered }),
  ]
    .filter(Boolean)
    .join(" · ");
}
