// Prints where the browser is; it is unpacked at first use, into TMPDIR.
import chromium from "@sparticuz/chromium";

console.log(await chromium.executablePath());
