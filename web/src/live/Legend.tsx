import { useTranslation } from "react-i18next";

import { STATES } from "./types";

/** What the colours of bars mean. */
export function Legend() {
  const { t } = useTranslation();
  return (
    <ul className="list-unstyled d-flex flex-wrap gap-3 small mb-2" aria-label={t("legend")} data-legend>
      {STATES.map((each) => (
        <li key={each}>
          <span className={`dot dot-${each}`} aria-hidden="true" />
          {t(`state.${each}`)}
        </li>
      ))}
    </ul>
  );
}
