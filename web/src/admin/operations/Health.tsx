import { useTranslation } from "react-i18next";

import { faultsOf, verdictOf } from "./health";
import { SERVICES } from "./services";
import { usePulse } from "./usePulse";

const LOOKS = {
  well: ["✓", "good"],
  wrong: ["✕", "open"],
  unseen: ["⚠", "partly"],
  asked: ["…", "asked"],
} as const;

/** Says in one sentence whether all is well, or of each service what is not. */
export function Health() {
  const { t } = useTranslation();
  const all = [usePulse("catalog"), usePulse("scheduler"), usePulse("dispatcher"), usePulse("stats")];
  const verdict = verdictOf(all);
  const isWrong = verdict === "wrong";
  const [sign, colour] = LOOKS[verdict];
  return (
    <div className={isWrong ? "panel panel-warning" : ""} role="status" data-verdict={verdict}>
      <p className={`fw-semibold condition-${colour}${isWrong ? " mb-0" : ""}`}>
        <span aria-hidden="true">{sign}</span>{" "}
        {t(`operations.verdicts.${verdict}`)}
      </p>
      {isWrong && (
        <ul className="mb-0">
          {SERVICES.map((each, at) => {
            const faults = faultsOf(all[at]!);
            if (faults.length === 0) return null;
            return (
              <li key={each}>
                {t(`operations.services.${each}`)}: {faults.map((fault) => t(`operations.faults.${fault}`)).join("; ")}.
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
