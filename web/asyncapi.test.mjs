// The AsyncAPI document is one, and every event that the contracts freeze is as it says.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import schema from "@asyncapi/specs/schemas/3.1.0-without-$id.json" with { type: "json" };
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect, test } from "vitest";

const docs = dirname(process.env.OPENAPI ?? "../docs/openapi");
const golden = join(docs, "..", "tests", "contracts", "golden");
const document = JSON.parse(readFileSync(join(docs, "asyncapi.json"), "utf8"));

test("the document is one of AsyncAPI 3.1", () => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(schema);

  expect(validate(document) ? [] : validate.errors).toEqual([]);
});

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats(ajv);
ajv.addSchema(document, "events");

// As `MailingCreated.v1.class.json`: the event's name, and what is frozen of it.
const names = readdirSync(golden).filter((name) => name.endsWith(".json"));

test("there are events to compare", () => {
  expect(names.length).toBeGreaterThan(40);
});

test.each(names)("%s is as the document says", (name) => {
  const kind = name.split(".").slice(0, 2).join(".");
  const title = document.components.messages[kind].title;
  const validate = ajv.compile({ $ref: `events#/components/schemas/${title}` });
  const event = JSON.parse(readFileSync(join(golden, name), "utf8"));

  expect(validate(event) ? [] : validate.errors).toEqual([]);
});
