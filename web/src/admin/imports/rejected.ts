/** The rows that were not imported, as a file. */
import { catalog } from "../../api/client";

/** Loads the rows as the file had them, with the reasons: they can be mended and imported again. */
export async function rejectedRows(importId: string): Promise<Blob> {
  const { data } = await catalog.GET("/v1/imports/{import_id}/rejections/export", {
    params: { path: { import_id: importId }, query: { format: "csv" } },
    parseAs: "blob",
  });
  return data as unknown as Blob;
}

/** Lets the browser keep something as a file. */
export function download(name: string, what: Blob): void {
  const address = URL.createObjectURL(what);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
