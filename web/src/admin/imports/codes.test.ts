import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

interface Documents {
  components: { schemas: { RejectionCode: { enum: string[] } } };
}

const FOLDER = process.env["OPENAPI"] ?? "../docs/openapi";
const CATALOG = JSON.parse(readFileSync(`${FOLDER}/catalog.json`, "utf8")) as Documents;
const CODES = CATALOG.components.schemas.RejectionCode.enum;

test.each(["en", "ru"])("each code of a rejected row has words in %s", (language) => {
  const file = readFileSync(`src/words/screens.${language}.json`, "utf8");
  const { codes } = JSON.parse(file) as { codes: Record<string, string> };
  expect(CODES.filter((code) => !codes[code])).toEqual([]);
  expect(CODES).not.toEqual([]);
});
