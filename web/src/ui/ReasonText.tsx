import { useTranslation } from "react-i18next";

import { reasonOf } from "./reasons";

/** Why something became of a message, in words; its code stands in the title, or alone where it has no words. */
export function ReasonText({ code }: { code: string }) {
  const said = useReason()(code);
  if (said === null) return <code className="text-break">{code}</code>;
  return (
    <span title={code} data-reason={code}>
      {said}
    </span>
  );
}

/** Says codes in words; null: there are none for it. */
export function useReason(): (code: string) => string | null {
  const { t, i18n } = useTranslation();
  return (code) => {
    const { key, status, isLookedUp } = reasonOf(code);
    if (!i18n.exists(key)) return null;
    const said = t(key, { status });
    return isLookedUp ? t("reasonLookedUp", { said }) : said;
  };
}
