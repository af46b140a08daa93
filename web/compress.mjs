// Writes each text of the build a second and a third time, compressed: the door serves them as they are.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TEXT = /\.(js|css|html|svg|json|txt)$/;
const BEST = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };

for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  if (!entry.isFile() || !TEXT.test(path)) continue;
  const content = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(content, BEST));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
