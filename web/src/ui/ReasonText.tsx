import { useTranslation } from "react-i18next";

import { reasonOf } from "./reasons";

/** Why something became of a message, in words; its code stands in the title, or alone where it has no words. */
export function ReasonText({ code }: { code: string }) {
  const { t, i18n } = useTranslation();
  const { key, status, isLookedUp } = reasonOf(code);
  if (!i18n.exists(key)) return <code className="text-break">{code}</code>;
  const said = t(key, { status });
  return (
    <span title={code} data-reason={code}>
      {isLookedUp ? t("reasonLookedUp", { said }) : said}
    </span>
  );
}
