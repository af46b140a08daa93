import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { language } from "../../words";
import type { ImportView } from "./upload";

const PARTS = ["created", "changed", "unchanged", "rejected"] as const;

/** What came of a file, or would come, as a sentence. */
export function Came({ view }: { view: ImportView }) {
  const { t } = useTranslation();
  const parts = PARTS.filter((each) => view[each] > 0).map((each) => t(`imports.came.${each}`, { size: number(view[each], language()) }));
  const rows = number(view.rows, language());
  return (
    <>
      {t(view.dry_run ? "imports.checked" : "imports.done", { rows, count: view.rows })} {parts.join(" ")}
    </>
  );
}
