export function EditMailing() { return null; }
