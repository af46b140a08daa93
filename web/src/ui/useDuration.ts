import { useTranslation } from "react-i18next";

import { duration } from "./format";

/** A duration in words, in its two largest units. */
export function useDuration(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    const { unit, count, rest } = duration(seconds);
    const large = t(`duration.${unit}`, { count });
    if (!rest) return large;
    return t("duration.two", { large, small: t(`duration.${rest.unit}`, { count: rest.count }) });
  };
}
