import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const FOLDER = "src/words";
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".en.json"));
const PLURALS = { en: ["one", "other"], ru: ["one", "few", "many", "other"] } as const;
const FORM = /_(one|few|many|other)$/;

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

test("no text is left that nothing shows", () => {
  const source = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(join("src", name), "utf8"))
    .join("\n");
  const unused = FILES.flatMap((name) => [...plain(words(name))]).filter((key) => {
    const [first] = key.split(".");
    return !source.includes(`"${key}"`) && !source.includes(`\`${first}.$`) && !source.includes(`"${first}.`);
  });
  expect(unused).toEqual([]);
});
