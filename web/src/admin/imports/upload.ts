/** Sends a file: `fetch` does not say how much has left, so this is an XMLHttpRequest. */
import type { components } from "../../api/types/catalog";
import { Problem } from "../../api/problem";
import { token } from "../../api/token";
import { typeOf } from "./reading";

export type ImportView = components["schemas"]["ImportView"];

export interface Options {
  columns: Record<string, string | null>;
  charset: string; // "": it is found out
  mode: "upsert" | "insert" | "update";
  tags: "replace" | "add";
  empty: "clear" | "keep";
  keys: readonly string[]; // by which a row knows its client, the first that it has; none: the phone
  dryRun: boolean;
}

/** Returns the address that a file is sent to; the catalog has defaults for what is not said. */
export function addressOf(importId: string, fileName: string, options: Options): string {
  const asked = new URLSearchParams({ import_id: importId, file_name: fileName.slice(-255) });
  if (Object.keys(options.columns).length > 0) asked.set("columns", JSON.stringify(options.columns));
  if (options.charset) asked.set("charset", options.charset);
  if (options.mode !== "upsert") asked.set("mode", options.mode);
  if (options.tags !== "replace") asked.set("tags", options.tags);
  if (options.empty !== "clear") asked.set("empty", options.empty);
  for (const each of options.keys) asked.append("key", each);
  if (options.dryRun) asked.set("dry_run", "true");
  return `/api/catalog/v1/imports?${asked}`;
}

export interface Upload {
  done: Promise<ImportView>;
  abort: () => void;
}

export function upload(file: File, address: string, onSent: (bytes: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<ImportView>((resolve, reject) => {
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      const body = read(request.responseText);
      if (request.status === 401) token.ask();
      if (request.status < 300) resolve(body as ImportView);
      else reject(Problem.read(request.status, body));
    };
    request.onerror = () => reject(new Problem(0, "Unreachable", ""));
    request.onabort = () => reject(new Problem(0, "Aborted", ""));
  });
  request.open("POST", address);
  request.setRequestHeader("Content-Type", typeOf(file.name));
  const shown = token.get();
  if (shown) request.setRequestHeader("Authorization", `Bearer ${shown}`);
  request.send(file);
  return { done, abort: () => request.abort() };
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
