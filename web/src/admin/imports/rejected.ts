/** The rows that were not imported, as a file. */
import { catalog } from "../../api/client";
import type { components } from "../../api/types/catalog";

export type Rejection = components["schemas"]["RejectionView"];

const CALCULATES = /^['=+\-@\t\r]/; // in a spreadsheet

export function rejectedCsv(rejected: readonly Rejection[], head: readonly string[]): string {
  const rows = rejected.map((each) => [each.row, each.line, each.column, each.reason]);
  return `\ufeff${[head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("")}`;
}

function cell(value: string | number | null): string {
  const text = String(value ?? "");
  const safe = CALCULATES.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Loads all rejections that were kept. */
export async function allRejected(importId: string): Promise<Rejection[]> {
  const all: Rejection[] = [];
  let cursor: string | undefined;
  do {
    const { data } = await catalog.GET("/v1/imports/{import_id}/rejections", {
      params: { path: { import_id: importId }, query: { limit: 1000, cursor } },
    });
    all.push(...(data?.items ?? []));
    cursor = data?.next_cursor ?? undefined;
  } while (cursor);
  return all;
}

/** Lets the browser keep a text as a file. */
export function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
