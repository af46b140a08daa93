import { useTranslation } from "react-i18next";

import { rate } from "../../ui/format";
import { language } from "../../words";

const UNITS = ["B", "kB", "MB", "GB"] as const;

/** A size in the unit that it is read best in. */
export function useBytes(): (bytes: number) => string {
  const { t } = useTranslation();
  return (bytes) => {
    const power = Math.min(3, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
    return t(`imports.units.${UNITS[power] ?? "B"}`, { size: rate(bytes / 1000 ** power, language()) });
  };
}
