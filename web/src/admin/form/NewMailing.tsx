export function NewMailing() { return null; }
