/**
 * The live figures of this tab: one stream for all that is shown, and no React in it.
 *
 * A browser has six connections to a host over HTTP/1.1, for all tabs together: so only four tabs
 * stream, each by a lock, and only while they are seen. The others ask every five seconds.
 */
import { type Delta, done, type Freshness, type Live, type LivePage, type Snapshot, type Status, type Totals } from "./types";

export type Link = "connecting" | "live" | "polling" | "reconnecting" | "paused";

export interface State {
  link: Link;
  asOf: Date | null; // until when all that was recorded is in the figures
  lagS: number | null;
  receivedAt: number; // by performance.now(), of the last answer of any kind
  totals: Totals | null;
  mailings: ReadonlyMap<string, Live>;
  version: number; // grows with every change of the figures
}

const STREAMS = 4;
const POLL_MS = 5_000;
const RETRY_MS = 1_000; // while nobody answers, and twice as long each time
const LONGEST_RETRY_MS = 8_000; // so that figures are there ten seconds after whoever has them is
const UNFINISHED: ReadonlySet<Status> = new Set(["planned", "running", "paused"]);
const MOST_ASKED = 50; // mailings of which a snapshot says nothing
const HISTORY = 60; // rates that are kept of each mailing, a frame each

export class LiveStore {
  private state: State = {
    link: "connecting",
    asOf: null,
    lagS: null,
    receivedAt: 0,
    totals: null,
    mailings: new Map(),
    version: 0,
  };
  private readonly listeners = new Set<() => void>();
  private readonly rates = new Map<string, number[]>();
  private source: EventSource | null = null;
  private release: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0; // since somebody answered
  private etag: string | null = null;
  private isPaused = false;
  private isStarted = false;
  private frame = 0;

  constructor(private readonly base = "/public/v1") {}

  readonly get = (): State => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** The rates of a mailing as they came, the newest last. */
  history(id: string): readonly number[] {
    return this.rates.get(id) ?? [];
  }

  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("pagehide", () => this.close());
    this.look();
  }

  /** Stops all that moves, or goes on: who reads wants it to stand still. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.look();
  }

  /** Takes figures that were asked for otherwise; what the stream has said later, or as late, is kept. */
  take(page: LivePage): void {
    const asOf = instant(page.as_of);
    const known = this.state.asOf;
    const isOlder =
      known !== null && (asOf === null || asOf < known || (this.state.link === "live" && +asOf === +known));
    const mailings = new Map(this.state.mailings);
    for (const each of page.items) {
      const own = mailings.get(each.mailing_id);
      if (!own || (!isOlder && done(each) >= done(own))) mailings.set(each.mailing_id, each);
    }
    this.change({ mailings, ...(isOlder ? {} : freshness(page)) });
  }

  snapshot(data: Snapshot): void {
    const named = new Set(data.mailings.map((each) => each.mailing_id));
    const left = [...this.state.mailings.values()].filter(
      (each) => UNFINISHED.has(each.status) && !named.has(each.mailing_id),
    );
    const mailings = new Map(this.state.mailings);
    for (const each of data.mailings) mailings.set(each.mailing_id, each);
    this.change({ mailings, totals: data.totals, ...freshness(data) });
    void this.ask(left.slice(0, MOST_ASKED));
  }

  /** Asks for mailings that were going on, and of which a snapshot says nothing: they ended meanwhile. */
  private async ask(left: readonly Live[]): Promise<void> {
    for (const each of left) {
      const answer = await fetch(`${this.base}/mailings/${each.mailing_id}`).catch(() => null);
      if (answer === null || (!answer.ok && answer.status !== 404)) return; // with the next snapshot
      const found = answer.ok ? ((await answer.json()) as Live) : null;
      if (this.state.mailings.get(each.mailing_id) !== each) continue; // the stream was faster
      const mailings = new Map(this.state.mailings);
      if (found) mailings.set(each.mailing_id, found);
      else mailings.delete(each.mailing_id);
      this.change({ mailings });
    }
  }

  delta(data: Delta): void {
    const mailings = new Map(this.state.mailings);
    for (const each of data.changed) {
      mailings.set(each.mailing_id, each);
      this.note(each);
    }
    for (const id of data.gone) mailings.delete(id);
    this.change({ mailings, totals: data.totals, ...freshness(data) });
  }

  beat(data: Freshness): void {
    this.change(freshness(data));
  }

  private note(mailing: Live): void {
    if (mailing.rate_per_s === null) return;
    const known = this.rates.get(mailing.mailing_id) ?? [];
    this.rates.set(mailing.mailing_id, [...known, mailing.rate_per_s].slice(-HISTORY));
  }

  private readonly look = (): void => {
    const isWanted = document.visibilityState === "visible" && !this.isPaused;
    if (!isWanted) {
      this.close();
      if (this.isPaused) this.link("paused");
    } else if (this.source === null && this.timer === undefined) {
      void this.open();
    }
  };

  private async open(): Promise<void> {
    this.timer = undefined;
    const lock = await acquire();
    if (document.visibilityState !== "visible" || this.isPaused) {
      lock?.();
    } else if (lock) {
      this.release = lock;
      this.stream();
    } else {
      await this.poll();
    }
  }

  private stream(): void {
    const source = new EventSource(`${this.base}/live`);
    this.source = source;
    const on = <T>(kind: string, take: (data: T) => void) =>
      source.addEventListener(kind, (event) => {
        if (this.source !== source) return; // a frame that was under way when it was closed
        this.failures = 0;
        this.state = { ...this.state, link: "live" };
        take(JSON.parse((event as MessageEvent<string>).data) as T);
      });
    on<Snapshot>("snapshot", (data) => this.snapshot(data));
    on<Delta>("delta", (data) => this.delta(data));
    on<Freshness>("beat", (data) => this.beat(data));
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      if (source.readyState === EventSource.CLOSED) {
        this.close();
        this.link("reconnecting");
        void this.poll();
      } else {
        this.link("reconnecting"); // the browser does, after the time that the stream named
      }
    });
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    let waitMs = POLL_MS;
    try {
      const headers: HeadersInit = this.etag ? { "If-None-Match": this.etag } : {};
      const answer = await fetch(`${this.base}/mailings`, { headers });
      if (answer.status !== 304 && !answer.ok) throw new Error(`${answer.status}`);
      if (answer.ok) {
        this.etag = answer.headers.get("ETag");
        this.take((await answer.json()) as LivePage);
      }
      this.failures = 0;
      this.change({ link: "polling", receivedAt: performance.now() });
    } catch {
      waitMs = Math.min(RETRY_MS * 2 ** this.failures, LONGEST_RETRY_MS);
      waitMs *= 0.75 + Math.random() / 4; // not all tabs at once
      this.failures += 1;
      this.link("reconnecting");
    }
    if (document.visibilityState === "visible" && !this.isPaused) {
      this.timer = setTimeout(() => void this.open(), waitMs);
    }
  }

  private close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.source?.close();
    this.source = null;
    this.release?.();
    this.release = null;
  }

  private link(link: Link): void {
    if (this.state.link !== link) this.change({ link });
  }

  private change(part: Partial<State>): void {
    this.state = { ...this.state, ...part, version: this.state.version + 1 };
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.listeners.forEach((each) => each());
    });
  }
}

function freshness(data: Freshness): Pick<State, "asOf" | "lagS" | "receivedAt"> {
  return { asOf: instant(data.as_of), lagS: data.lag_s, receivedAt: performance.now() };
}

function instant(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

/** Takes one of the locks; returns what gives it back, or null if there is none to be had. */
async function acquire(): Promise<(() => void) | null> {
  if (!("locks" in navigator)) return null; // over plain HTTP from elsewhere: ask from time to time
  for (let number = 0; number < STREAMS; number++) {
    const release = await new Promise<(() => void) | null>((resolve) => {
      void navigator.locks
        .request(`mailings-stream-${number}`, { ifAvailable: true }, (lock) => {
          if (lock === null) {
            resolve(null);
            return undefined;
          }
          return new Promise<void>((end) => resolve(() => end()));
        })
        .catch(() => resolve(null));
    });
    if (release) return release;
  }
  return null;
}
