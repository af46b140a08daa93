import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { Download } from "../../ui/Download";

/** The rows as the file had them, with the reasons: they can be mended and imported again. */
export function RejectedRows({ importId }: { importId: string }) {
  const { t } = useTranslation();
  const load = async () => {
    const params = { path: { import_id: importId }, query: { format: "csv" as const } };
    const path = "/v1/imports/{import_id}/rejections/export";
    const { data } = await catalog.GET(path, { params, parseAs: "blob" });
    return data as unknown as Blob;
  };
  return <Download label={t("imports.asCsv")} name={`rejected-${importId}.csv`} load={load} />;
}
