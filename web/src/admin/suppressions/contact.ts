const IDENTIFIER = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Returns what was written as what it looks like: contacts are kept as hashes, so it must be whole. */
export function contactOf(whom = ""): { client_id?: string; phone?: string; email?: string } {
  if (!whom) return {};
  if (whom.includes("@")) return { email: whom };
  return IDENTIFIER.test(whom) ? { client_id: whom } : { phone: whom };
}
