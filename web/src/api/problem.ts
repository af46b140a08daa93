/** Problem details (RFC 9457), as all services and the door answer what they refuse. */

export interface FieldProblem {
  pointer: string; // a JSON pointer into the body, or /parameter
  code: string; // for programs; it does not change
  detail: string;
  limits?: readonly number[] | null; // that were not kept, in the order of `detail`; none: it names none
  entries?: readonly string[]; // of a list: those that are wrong, as the page knows them
}

/** Why a request failed. `status` is 0 where nobody answered. */
export class Problem extends Error {
  declare body?: unknown; // as it came to the admin page: what only some problems have

  constructor(
    readonly status: number,
    readonly type: string,
    readonly title: string,
    readonly errors: readonly FieldProblem[] = [],
    readonly traceId = "",
  ) {
    super(title || type);
  }

  /** Whether what was asked for is not there, or not any more. */
  get isGone(): boolean {
    return this.status === 404 || this.status === 410;
  }

  /** Returns what was thrown as a problem: a request that nobody answered throws a TypeError. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem(0, "Unreachable", "");
  }

  /** Reads a body that should be problem details; what is none is known by its status alone. */
  static read(status: number, body: unknown): Problem {
    const given = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
    const errors = Array.isArray(given["errors"]) ? (given["errors"] as FieldProblem[]) : [];
    return new Problem(
      status,
      text(given["type"], "Unknown"),
      text(given["title"], `HTTP ${status}`),
      errors,
      text(given["trace_id"], ""),
    );
  }
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

/** Returns a JSON pointer as forms name their fields: `/filter/tags/3` is `filter.tags.3`. */
export function fieldOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
}

/** Returns a mistake with the entry of `list` that its pointer names, if it names one. */
export function withEntry(problem: FieldProblem, list: readonly string[]): FieldProblem {
  const entry = list[Number(/\/(\d+)$/.exec(problem.pointer)?.[1])];
  return entry === undefined ? problem : { ...problem, entries: [entry] };
}

/** Returns two mistakes of entries as one, if they are of one kind; null: each stands for itself. */
export function joined(one: FieldProblem, next: FieldProblem): FieldProblem | null {
  if (!one.entries || !next.entries || one.code !== next.code) return null;
  return { ...one, entries: [...one.entries, ...next.entries] };
}

/**
 * Splits a problem: what belongs to one of the form's `fields`, and what stands above the form; `listOf` returns the
 * entries of a field that is a list, as they were sent.
 */
export function byField(
  problem: Problem,
  fields: readonly string[],
  listOf: (field: string) => readonly string[] = () => [],
): { own: Map<string, FieldProblem>; others: FieldProblem[] } {
  const own = new Map<string, FieldProblem>();
  const others: FieldProblem[] = [];
  for (const each of problem.errors) {
    const name = fieldOf(each.pointer);
    const field = fields.find((known) => name === known || name.startsWith(`${known}.`));
    if (field === undefined) {
      others.push(each);
      continue;
    }
    const found = withEntry(each, listOf(field));
    const first = own.get(field);
    const both = first ? joined(first, found) : found;
    if (both) own.set(field, both);
    else others.push(found);
  }
  return { own, others };
}
