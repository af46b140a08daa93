import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const FOLDER = "src/words";
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".en.json"));
const PLURALS = { en: ["one", "other"], ru: ["one", "few", "many", "other"] } as const;
const FORM = /_(one|few|many|other)$/;

const SOURCES = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".test.ts"))
  .map((name) => [name, readFileSync(join("src", name), "utf8")] as const);

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, before = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") all.set(before + key, value);
    else for (const [inner, text] of flat(value, `${before}${key}.`)) all.set(inner, text);
  }
  return all;
}

function words(name: string): Map<string, string> {
  return flat(JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Tree);
}

const plain = (all: Map<string, string>) =>
  new Set([...all.keys()].map((key) => key.replace(FORM, "")));
const holes = (text: string) => (text.match(/\{\{\s*\w+/g) ?? []).sort();

test.each(FILES)("%s has the same keys in both languages", (name) => {
  const russian = words(name.replace(".en.", ".ru."));
  expect([...plain(russian)].sort()).toEqual([...plain(words(name))].sort());
});

test.each(FILES)("%s has all plural forms of each language", (name) => {
  for (const [language, forms] of Object.entries(PLURALS)) {
    const all = words(name.replace(".en.", `.${language}.`));
    for (const key of all.keys()) {
      if (!FORM.test(key)) continue;
      const stem = key.replace(FORM, "");
      for (const form of forms) expect(all.has(`${stem}_${form}`), `${stem}_${form}`).toBe(true);
    }
  }
});

test.each(FILES)("%s has the same places for values in both languages", (name) => {
  const russian = words(name.replace(".en.", ".ru."));
  for (const [key, text] of words(name)) {
    const other = russian.get(key);
    if (other !== undefined) expect(holes(other), key).toEqual(holes(text));
  }
});

// All files are one tree: of two texts under one key the one that is loaded later would be shown.
test.each(["en", "ru"])("a key that stands in two files says the same in both, in %s", (language) => {
  const known = new Map<string, string>();
  for (const name of FILES) {
    for (const [key, text] of words(name.replace(".en.", `.${language}.`))) {
      expect(text, `${key} of ${name}`).toBe(known.get(key) ?? text);
      known.set(key, text);
    }
  }
});

// What texts have places for, by name; another name belongs into one of the lists.
const NUMBERS = ["count", "number", "seconds", "version", "rate", "rows", "shown", "percent", "done", "planned", "selected", "ms", "size", "sent", "all", "range", "delivered", "line", "column"];
const TEXTS = ["id", "name", "names", "duration", "large", "small", "end", "page", "trace", "status", "detail", "gateway", "topic", "mailing", "what", "service", "tzdata", "said", "step", "zone", "replica", "problem", "contact"];
// Signs of units do not change with the number, nor do participles and words that only bind.
const UNITS = /^(s|ms|с|мс|SMS|из|of|sent|selected|delivered|done|paused|needed|B|kB|MB|GB|Б|кБ|МБ|ГБ)$/;
const BESIDE = /\{\{\s*(\w+)[^}]*\}\}\s+(\p{L}+)/gu;

test.each(FILES)("%s has plural forms wherever a noun stands behind a number", (name) => {
  for (const language of ["en", "ru"]) {
    for (const [key, text] of words(name.replace(".en.", `.${language}.`))) {
      for (const hole of holes(text)) expect([...NUMBERS, ...TEXTS]).toContain(hole.replace(/\W+/g, ""));
      if (FORM.test(key)) continue;
      const beside = [...text.matchAll(BESIDE)].filter(([, hole, word]) => NUMBERS.includes(hole!) && !UNITS.test(word!));
      expect(beside.map(([each]) => each), key).toEqual([]);
    }
  }
});

test("no number stands before words that do not know it", () => {
  const between = String.raw`(?:\s|\{" "\}|</?(?:span|strong|b|br)\b[^>]*>)*`;
  // the states of messages are no nouns, and the same for any number
  const shown = new RegExp(String.raw`\{number\([^;{}]*\)\}${between}\{t\((["\`])(?!state\.)([^"\`]+)\1\)`, "g");
  const found = SOURCES.flatMap(([name, text]) => [...text.matchAll(shown)].map((each) => `${name}: ${each[2]}`));
  expect(found).toEqual([]);
});

test("each text that is named in full is there", () => {
  const all = new Set(FILES.flatMap((name) => [...plain(words(name))]));
  const named = SOURCES.flatMap(([name, text]) => [...text.matchAll(/\bt\("([\w.]+)"/g)].map(([, key]) => [name, key!] as const));
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(([, key]) => !all.has(key))).toEqual([]);
});

test("no text is left that nothing shows", () => {
  const source = SOURCES.map(([, text]) => text).join("\n");
  const quoted = new Set([...source.matchAll(/"([^"\n]*)"/g)].map(([, text]) => text));
  const unused = FILES.flatMap((name) => [...plain(words(name))]).filter((key) => !quoted.has(key));
  const firsts = new Set(unused.map((key) => key.split(".")[0]!));
  // of those that are put together of a name and a value, the name is there
  const used = new Set([...firsts].filter((each) => source.includes(`\`${each}.$`) || source.includes(`"${each}.`)));
  expect(unused.filter((key) => !used.has(key.split(".")[0]!))).toEqual([]);
});
