import "bootstrap/dist/css/bootstrap.min.css";
import "../ui/ui.css";
import "../ui/screens.css";
import "../live/live.css";

import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";

import { Problem } from "../api/problem";
import { begin } from "../words";
import adminEn from "../words/admin.en.json";
import adminRu from "../words/admin.ru.json";
import liveEn from "../words/live.en.json";
import liveRu from "../words/live.ru.json";
import mailingsEn from "../words/mailings.en.json";
import mailingsRu from "../words/mailings.ru.json";
import screensEn from "../words/screens.en.json";
import screensRu from "../words/screens.ru.json";
import uiEn from "../words/ui.en.json";
import uiRu from "../words/ui.ru.json";
import { router } from "./router";

/** A refusal stays one however often it is asked; who cannot be reached may be, a moment later. */
function mayHelpAgain(failures: number, error: Error): boolean {
  const { status } = Problem.of(error);
  return failures < 2 && (status === 0 || status >= 500);
}

// What a service does not have any more is shown no longer, though it was read before.
const queryCache = new QueryCache({
  onError: (error, query) => {
    if (Problem.of(error).isGone) query.setState({ data: undefined });
  },
});

const queries = new QueryClient({
  queryCache,
  defaultOptions: { queries: { retry: mayHelpAgain, staleTime: 1_000 }, mutations: { retry: false } },
});

const words = {
  en: { ...uiEn, ...liveEn, ...adminEn, ...screensEn, ...mailingsEn },
  ru: { ...uiRu, ...liveRu, ...adminRu, ...screensRu, ...mailingsRu },
};

void begin(words).then(() => {
  createRoot(document.getElementById("root")!).render(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  void import("./problems"); // words that are seldom needed, and never first
});
