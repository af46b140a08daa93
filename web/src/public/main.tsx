import "bootstrap/dist/css/bootstrap.min.css";
import "../ui/ui.css";
import "../live/live.css";

import { createRoot } from "react-dom/client";

import { begin } from "../words";
import liveEn from "../words/live.en.json";
import liveRu from "../words/live.ru.json";
import publicEn from "../words/public.en.json";
import publicRu from "../words/public.ru.json";
import uiEn from "../words/ui.en.json";
import uiRu from "../words/ui.ru.json";
import { Page } from "./Page";

void begin({ en: { ...uiEn, ...liveEn, ...publicEn }, ru: { ...uiRu, ...liveRu, ...publicRu } }).then(() => {
  createRoot(document.getElementById("root")!).render(<Page />);
});
