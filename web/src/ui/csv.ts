/** A table as CSV, as spreadsheets open it by a double click. */

const FORMULA = /^[=+\-@\t\r]/; // what they would calculate, as the services' exports have it
const BYTE_ORDER_MARK = "\ufeff"; // without it they take UTF-8 for the encoding of the computer

/** Returns rows as CSV; `separator` is what the reader's spreadsheets expect. */
export function csvOf(rows: readonly (readonly string[])[], separator: string): string {
  const cell = (text: string) => {
    const safe = FORMULA.test(text) ? `'${text}` : text;
    return /["\r\n]/.test(safe) || safe.includes(separator) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return BYTE_ORDER_MARK + rows.map((row) => `${row.map(cell).join(separator)}\r\n`).join("");
}

/** What separates cells in tables of a language: where the comma stands in numbers, it is the semicolon. */
export const separatorOf = (language: string) => (language === "ru" ? ";" : ",");
