// Writes the types of the four services' HTTP APIs from their documents.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

const folder = process.env.OPENAPI ?? "../docs/openapi";
mkdirSync("src/api/types", { recursive: true });
for (const name of ["catalog", "scheduler", "dispatcher", "stats"]) {
  const paths = [`${folder}/${name}.json`, "-o", `src/api/types/${name}.ts`];
  execFileSync(process.execPath, ["node_modules/openapi-typescript/bin/cli.js", ...paths], { stdio: "ignore" });
}
