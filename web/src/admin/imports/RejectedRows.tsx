import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { Download } from "../../ui/Download";
import type { ImportView } from "./upload";

const ENDINGS = /(\.(csv|txt|tsv|xlsx|ndjson|jsonl|json|gz|zip))+$/i;

/** The rows as the file had them, with the reasons: they can be mended and imported again. */
export function RejectedRows({ view }: { view: ImportView }) {
  const { t } = useTranslation();
  const file = view.file_name?.replace(ENDINGS, "") || view.import_id;
  const load = async () => {
    const params = { path: { import_id: view.import_id }, query: { format: "csv" as const } };
    const path = "/v1/imports/{import_id}/rejections/export";
    const { data } = await catalog.GET(path, { params, parseAs: "blob" });
    return data as unknown as Blob;
  };
  return <Download label={t("imports.asCsv")} name={`${file}-${t("imports.rejected").toLowerCase()}.csv`} load={load} />;
}
