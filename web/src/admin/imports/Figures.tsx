import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { language } from "../../words";
import type { ImportView } from "./upload";

const COUNTS = ["rows", "created", "changed", "unchanged", "rejected"] as const;

/** How many rows of an import became what. */
export function Figures({ view }: { view: ImportView }) {
  const { t } = useTranslation();
  return (
    <dl className="figures">
      {COUNTS.map((name) => (
        <div key={name} className={name === "rejected" && view.rejected > 0 ? "figure-bad" : undefined}>
          <dt>{t(`imports.${name}`)}</dt>
          <dd className="tabular">{number(view[name], language())}</dd>
        </div>
      ))}
    </dl>
  );
}
