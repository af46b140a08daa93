/** Contacts as people write them. */

/** Returns a phone as the services have it: `+7 (914) 204-14-15` and `8 914 2041415` are 79142041415. Null: it is none. */
export function phoneOf(written: string): string | null {
  if (!/^[+\d\s().-]+$/.test(written)) return null;
  const digits = written.replace(/\D/g, "");
  const whole = /^[^78]\d{9}$/.test(digits) ? `7${digits}` : digits.replace(/^8(?=\d{10}$)/, "7");
  return /^7\d{10}$/.test(whole) ? whole : null;
}

/** Returns a phone as the services have it, or what looks like an e-mail. Null: it is neither. */
export function wholeContact(written: string): string | null {
  return phoneOf(written) ?? (/^\S+@\S+\.\S+$/.test(written) ? written : null);
}
