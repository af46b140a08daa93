/** Reads the first rows of a file in the browser, so that they are seen before anything is sent. */

export interface Seen {
  kind: "csv" | "ndjson" | "packed"; // packed: what is in it shows when it is checked
  charset: string;
  delimiter: string;
  header: string[];
  rows: string[][];
}

export const ROWS = 20;
const BYTES = 64 * 1024;
const DELIMITERS = [",", ";", "\t", "|"] as const;

const TYPES: Record<string, string> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  ndjson: "application/x-ndjson",
  jsonl: "application/jsonl",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  gz: "application/gzip",
  zip: "application/zip",
};

/** Returns what a file is sent as; of a name that says nothing the catalog finds it out. */
export function typeOf(name: string): string {
  return TYPES[name.split(".").at(-1)?.toLowerCase() ?? ""] ?? "application/octet-stream";
}

export async function see(file: Blob, charset = ""): Promise<Seen> {
  const bytes = new Uint8Array(await file.slice(0, BYTES).arrayBuffer());
  return seeBytes(bytes, file.size <= BYTES, charset);
}

export function seeBytes(bytes: Uint8Array, isWhole: boolean, charset = ""): Seen {
  const isPacked = (bytes[0] === 0x50 && bytes[1] === 0x4b) || (bytes[0] === 0x1f && bytes[1] === 0x8b);
  if (isPacked) return { kind: "packed", charset: "", delimiter: "", header: [], rows: [] };
  const used = charset || charsetOf(bytes);
  const text = new TextDecoder(used).decode(bytes);
  // the last row may be cut off
  const whole = isWhole ? text : text.slice(0, Math.max(text.lastIndexOf("\n"), 0));
  if (whole.trimStart().startsWith("{")) return { ...seeLines(whole), charset: used };
  const delimiter = delimiterOf(whole);
  const [header = [], ...rows] = cells(whole, delimiter, ROWS + 1);
  return { kind: "csv", charset: used, delimiter, header: header.map((each) => each.trim()), rows };
}

/** Returns what the bytes are written in: a mark says it, else it is UTF-8 if it can be. */
function charsetOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return "utf-8";
  } catch {
    return "windows-1251";
  }
}

/** Returns what separates the cells of the first line, by how often it stands there. */
function delimiterOf(text: string): string {
  const first = text.trimStart().split(/\r\n|\r|\n/, 1)[0] ?? "";
  const count = (mark: string) => first.split(mark).length;
  return DELIMITERS.reduce((best, each) => (count(each) > count(best) ? each : best));
}

/** Returns the first rows of CSV (RFC 4180); blank lines are none. */
export function cells(text: string, delimiter: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let isQuoted = false;
  const end = () => {
    row.push(cell);
    if (row.length > 1 || row[0]?.trim()) rows.push(row);
    row = [];
    cell = "";
  };
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const mark = text[at] as string;
    if (isQuoted) {
      if (mark !== '"') cell += mark;
      else if (text[at + 1] === '"') cell += text[++at];
      else isQuoted = false;
    } else if (mark === '"' && !cell) isQuoted = true;
    else if (mark === delimiter) {
      row.push(cell);
      cell = "";
    } else if (mark === "\n" || mark === "\r") end();
    else cell += mark;
  }
  if (rows.length < most && (cell || row.length > 0)) end();
  return rows;
}

function seeLines(text: string): Omit<Seen, "charset"> {
  const found: Record<string, unknown>[] = [];
  for (const line of text.split("\n").slice(0, ROWS)) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null) found.push(value as Record<string, unknown>);
    } catch {
      // the catalog says where it is wrong
    }
  }
  const header = [...new Set(found.flatMap((each) => Object.keys(each)))];
  const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value) ?? "");
  return { kind: "ndjson", delimiter: "", header, rows: found.map((each) => header.map((name) => shown(each[name]))) };
}
